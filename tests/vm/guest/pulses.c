// Sends Wiegand frames on lines of a simulated GPIO chip, several readers at once.
//
//     pulses PULSE_US INTERVAL_US GAP_US D0:D1:FILE ...
//
// D0 and D1 are the `pull` files of two lines, FILE holds a frame a line as text of 0 and 1. A bit is
// PULSE_US low on D0 (0) or D1 (1), the next one falls INTERVAL_US after it, a frame GAP_US after the
// last bit of the one before. Both lines are high at rest.
//
// All readers are one real-time process with absolute sleeps: the chip's interrupt simulator loses
// its way when two processors raise interrupts at once, and their order is that of the schedule. A
// late pulse delays what follows on its reader, so that no interval is ever shorter than asked for.
//
// Prints one line of JSON: pulses sent, and by how much the latest was late, in microseconds.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_READERS = 8 };

struct reader {
    int lines[2];
    char *bits;     // what is still to be sent; a newline ends a frame
    int low;        // the line that is low now, -1 for none
    int64_t due_ns; // when the next thing happens
};

static int64_t pulse_ns, interval_ns, gap_ns;
static long pulses;
static int64_t latest_ns;

static void die(const char *what)
{
    fprintf(stderr, "pulses: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

static void sleep_until(int64_t ns)
{
    struct timespec at = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

static void pull(int line, int up)
{
    const char *word = up ? "pull-up" : "pull-down";
    if (pwrite(line, word, strlen(word), 0) < 0)
        die("pull");
}

static char *contents(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    if (!file || getdelim(&text, &size, '\0', file) < 0)
        die(path);
    fclose(file);
    return text;
}

static void open_reader(struct reader *reader, char *description)
{
    for (int line = 0; line < 2; line++) {
        char *path = strsep(&description, ":");
        reader->lines[line] = open(path, O_WRONLY);
        if (reader->lines[line] < 0)
            die(path);
        pull(reader->lines[line], 1);
    }
    reader->bits = contents(description);
    reader->low = -1;
}

// Does what is due; the reader's next time, or none once all is sent.
static void step(struct reader *reader)
{
    int64_t at_ns = now();
    if (at_ns - reader->due_ns > latest_ns)
        latest_ns = at_ns - reader->due_ns;
    if (reader->low < 0) {
        reader->low = *reader->bits++ == '1';
        pull(reader->lines[reader->low], 0);
        pulses++;
        reader->due_ns = at_ns + pulse_ns;
        return;
    }
    pull(reader->lines[reader->low], 1);
    reader->low = -1;
    reader->due_ns = at_ns - pulse_ns + interval_ns;
    if (*reader->bits == '\n') {
        reader->bits++;
        reader->due_ns += gap_ns - interval_ns;
    }
}

int main(int count, char **arguments)
{
    struct reader readers[MOST_READERS];
    int used = count - 4;
    if (used < 1 || used > MOST_READERS) {
        fprintf(stderr, "pulses PULSE_US INTERVAL_US GAP_US D0:D1:FILE ...\n");
        return 2;
    }
    pulse_ns = atoll(arguments[1]) * 1000;
    interval_ns = atoll(arguments[2]) * 1000;
    gap_ns = atoll(arguments[3]) * 1000;
    for (int i = 0; i < used; i++)
        open_reader(&readers[i], arguments[4 + i]);
    struct sched_param priority = {.sched_priority = 40};
    if (sched_setscheduler(0, SCHED_FIFO, &priority) < 0)
        die("SCHED_FIFO");

    // Readers begin apart, so that their pulses fall between each other's.
    for (int i = 0; i < used; i++)
        readers[i].due_ns = now() + gap_ns + interval_ns * i / used;
    for (;;) {
        struct reader *next = NULL;
        for (int i = 0; i < used; i++)
            if ((readers[i].low >= 0 || *readers[i].bits) &&
                (!next || readers[i].due_ns < next->due_ns))
                next = &readers[i];
        if (!next)
            break;
        sleep_until(next->due_ns);
        step(next);
    }
    printf("{\"pulses\": %ld, \"late_us\": %.1f}\n", pulses, latest_ns / 1e3);
    return 0;
}

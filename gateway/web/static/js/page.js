// What every page does: hear what changes, show when it hears nothing, show how old things are.

const STALE_MS = 15_000;
const POLL_MS = 5_000;
const AGES_MS = 15_000;

const lost = document.getElementById("lost");
let source = null;
let polls = 0;
let heardAt = Date.now();

function tell(name) {
  document.body.dispatchEvent(new CustomEvent(`live-${name}`));
}

function heard() {
  heardAt = Date.now();
  setStale(false);
}

function setStale(stale) {
  if (!lost || lost.hidden !== stale) return;
  document.documentElement.classList.toggle("is-stale", stale);
  lost.hidden = !stale;
  const since = document.getElementById("lost-since");
  since.textContent = new Date(heardAt).toLocaleTimeString(document.documentElement.lang);
}

// A page that gets no stream, since too many have one, asks for its parts from time to time.
async function poll() {
  try {
    const answer = await fetch("/live/now", { headers: { "HX-Request": "true" } });
    if (answer.status === 401) return leave();
    heard();
    tell("state");
    tell("log");
  } catch {
    // The time since the last answer tells it.
  }
}

function leave() {
  const here = encodeURIComponent(location.pathname + location.search);
  location.href = `/sign-in?over=1&next=${here}`;
}

function listen() {
  clearInterval(polls);
  source?.close();
  source = new EventSource("/live/events");
  for (const name of ["state", "log", "wiring"]) {
    source.addEventListener(name, () => { heard(); tell(name); });
  }
  source.addEventListener("beat", heard);
  source.addEventListener("over", leave);
  source.addEventListener("busy", () => {
    source.close();
    poll();
    polls = setInterval(poll, POLL_MS);
  });
}

if (lost) {
  listen();
  setInterval(() => setStale(Date.now() - heardAt > STALE_MS), 1_000);
  // A phone in a pocket needs no stream.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      clearInterval(polls);
    } else {
      heardAt = Date.now();
      listen();
    }
  });
}

// How long ago: the time itself stays in the title.
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "short" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

function showAges() {
  for (const shown of document.querySelectorAll("time[data-ago]")) {
    const seconds = Math.round((new Date(shown.dateTime) - Date.now()) / 1_000);
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS[3];
    shown.title ||= shown.textContent;
    shown.textContent = ago.format(Math.trunc(seconds / size), unit);
  }
}
showAges();
setInterval(showAges, AGES_MS);
document.body.addEventListener("htmx:after:swap", showAges);

// Answers may come in another order than their requests: one that was asked for before what is shown
// is dropped, so that a late answer never shows a former state. A failure is always shown.
const askedAt = new WeakMap();
const shownOf = new WeakMap();
let asked = 0;

document.body.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  askedAt.set(ctx, ++asked);
});
document.body.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (!ctx.response?.raw?.ok || !(ctx.target instanceof Element)) return;
  const turn = askedAt.get(ctx) ?? 0;
  if (turn >= (shownOf.get(ctx.target) ?? 0)) {
    shownOf.set(ctx.target, turn);
    return;
  }
  event.preventDefault();
  closeSheet(ctx);
  // What is shown may be from before this request was carried out.
  if (ctx.request.method !== "GET") tell("state");
});

// The sheet of choices: what `data-sheet` loads is shown in it; a form in it closes it when done.
const sheet = document.getElementById("sheet");

function closeSheet(ctx) {
  if (ctx?.sourceElement?.matches?.("[data-closes]") && ctx.response?.raw?.ok) sheet.close();
}

document.body.addEventListener("htmx:after:swap", (event) => {
  const ctx = event.detail?.ctx;
  if (ctx?.sourceElement?.matches?.("[data-sheet]")) sheet.showModal();
  else closeSheet(ctx);
});

// The icon of the tab turns red in an alarm.
function showAlarm() {
  const icon = document.querySelector("link[rel=icon]");
  icon.dataset.calm ||= icon.href;
  icon.href = document.getElementById("alarms") ? document.body.dataset.alarmIcon : icon.dataset.calm;
}
document.body.addEventListener("htmx:after:swap", showAlarm);

// Of a row of places that is wider than the screen, the one that is open is seen.
document.querySelector("main [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

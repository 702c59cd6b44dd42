// The week painter: 48 half hours for each day, painted with finger, pen or mouse; exact times by
// text. The week is kept as spans of seconds, so times off the half hour stay as they are unless
// they are painted over.

const SLOTS = 48;
const SLOT_S = 1_800;
const LAST_S = 86_399;
const LONG_MS = 550;
const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"];

const grid = document.getElementById("week");
const field = document.querySelector("#schedule [name=week]");
const loupe = document.getElementById("loupe");
const exact = document.getElementById("exact");
const times = document.getElementById("exact-times");
const week = JSON.parse(grid.dataset.week);
let stroke = null;
let pressed = 0;
let exactDay = "";

function clock(second) {
  const minutes = second >= LAST_S ? 1_440 : Math.floor((second + 1) / 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

function words(spans) {
  return spans.map(([start, end]) => `${clock(start - 1)}-${clock(end)}`).join("\n");
}

// What is open in a half hour: 0 nothing, 1 all of it, in between a part.
function openIn(spans, slot) {
  const first = slot * SLOT_S;
  const last = first + SLOT_S - 1;
  let seconds = 0;
  for (const [start, end] of spans) {
    const pieces = start <= end ? [[start, end]] : [[start, LAST_S]];
    for (const [from, to] of pieces) seconds += Math.max(0, Math.min(last, to) - Math.max(first, from) + 1);
  }
  return Math.min(1, seconds / SLOT_S);
}

function draw() {
  const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  for (const column of grid.children) {
    const spans = week[column.dataset.day];
    const canvas = column.querySelector("canvas");
    canvas.height = SLOTS;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, 1, SLOTS);
    pen.fillStyle = accent;
    for (let slot = 0; slot < SLOTS; slot++) {
      pen.globalAlpha = openIn(spans, slot);
      if (pen.globalAlpha) pen.fillRect(0, slot, 1, 1);
    }
    column.querySelector(".said").textContent = words(spans) || grid.dataset.closed;
  }
  field.value = JSON.stringify(week);
}

// The spans with the seconds from `first` to `last` opened or closed.
function changed(spans, first, last, open) {
  const kept = [];
  for (const [start, end] of spans) {
    if (start > end || end < first || start > last) {
      kept.push([start, end]);
      continue;
    }
    if (start < first) kept.push([start, first - 1]);
    if (end > last && last < LAST_S) kept.push([last + 1, end]);
  }
  if (open) kept.push([first, last]);
  kept.sort((a, b) => a[0] - b[0]);
  const joined = [];
  for (const span of kept) {
    const before = joined.at(-1);
    if (before && before[0] <= before[1] && span[0] <= span[1] && span[0] <= before[1] + 1) {
      before[1] = Math.max(before[1], span[1]);
    } else joined.push([...span]);
  }
  return joined;
}

function at(event) {
  for (const column of grid.children) {
    const canvas = column.querySelector("canvas");
    const box = canvas.getBoundingClientRect();
    if (event.clientX >= box.left && event.clientX <= box.right) {
      const slot = Math.floor(((event.clientY - box.top) / box.height) * SLOTS);
      return { day: column.dataset.day, slot: Math.max(0, Math.min(SLOTS - 1, slot)) };
    }
  }
  return null;
}

function paint(place) {
  const [from, to] = [Math.min(stroke.slot, place.slot), Math.max(stroke.slot, place.slot)];
  week[stroke.day] = changed(stroke.before, from * SLOT_S, (to + 1) * SLOT_S - 1, stroke.open);
  loupe.textContent = `${clock(from * SLOT_S - 1)}-${clock((to + 1) * SLOT_S - 1)}`;
  loupe.hidden = false;
  draw();
}

grid.addEventListener("pointerdown", (event) => {
  if (event.target.tagName !== "CANVAS" || event.button) return;
  const place = at(event);
  if (!place) return;
  event.preventDefault();
  grid.setPointerCapture(event.pointerId);
  const before = week[place.day];
  stroke = { ...place, before, open: openIn(before, place.slot) < 1, moved: false };
  pressed = setTimeout(() => {
    week[stroke.day] = stroke.before;
    const { day } = stroke;
    end();
    edit(day);
  }, LONG_MS);
  paint(place);
});

grid.addEventListener("pointermove", (event) => {
  const place = stroke && at(event);
  if (!place || place.slot === stroke.last) return;
  if (place.slot !== stroke.slot) clearTimeout(pressed);
  stroke.last = place.slot;
  paint(place);
});

function end() {
  clearTimeout(pressed);
  stroke = null;
  loupe.hidden = true;
  draw();
}
grid.addEventListener("pointerup", end);
grid.addEventListener("pointercancel", end);

function edit(day) {
  exactDay = day;
  document.getElementById("exact-day").textContent =
    grid.querySelector(`[data-day=${day}] .day-name`).textContent;
  times.value = words(week[day]);
  document.getElementById("exact-wrong").hidden = true;
  exact.showModal();
}

grid.addEventListener("click", (event) => {
  const day = event.target.dataset?.exact;
  if (day) edit(day);
});

// "08:00-17:30" as first and last second; null for what is no span.
function span(text) {
  const found = /^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$/.exec(text);
  if (!found) return null;
  const [from, to] = [found[1] * 60 + +found[2], found[3] * 60 + +found[4]];
  const right = found[2] < 60 && found[4] < 60 && from < 1_440 && to > 0 && to <= 1_440 && from !== to;
  return right ? [from * 60, to * 60 - 1] : null;
}

document.getElementById("exact-ok").addEventListener("click", (event) => {
  const spans = times.value.split("\n").map((it) => it.trim()).filter(Boolean).map(span);
  if (spans.includes(null)) {
    event.preventDefault();
    document.getElementById("exact-wrong").hidden = false;
    return;
  }
  week[exactDay] = spans.sort((a, b) => a[0] - b[0]);
  draw();
});

document.getElementById("copy").addEventListener("click", () => {
  const from = document.getElementById("copy-from").value;
  const to = document.getElementById("copy-to").value;
  for (const day of to === "weekdays" ? WEEKDAYS : [to]) week[day] = week[from].map((it) => [...it]);
  draw();
});

draw();

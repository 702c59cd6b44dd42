// The wiring bench: keep watching while the page is visible, turn over frames, save a picture.

const LOOK_MS = 2_000;
const LIT_MS = 1_000;
const SWIPE_PX = 48;
const PICTURE_SCALE = 2;

const bench = document.getElementById("bench");
const form = document.getElementById("bench-form");
const edges = new Map();

function look() {
  if (!document.hidden) document.body.dispatchEvent(new CustomEvent("bench-look"));
}

// Asking also tells the device that somebody still watches.
setInterval(look, LOOK_MS);
document.addEventListener("visibilitychange", look);

form.addEventListener("change", (event) => {
  if (event.target.name === "reader") {
    location.search = new URLSearchParams({ reader: event.target.value });
  } else {
    look();
  }
});

function turnTo(number) {
  if (!number) return;
  form.elements.frame.value = number === "latest" ? "" : number;
  look();
}

bench.addEventListener("click", (event) => {
  const turn = event.target.closest("[data-frame]");
  if (turn) turnTo(turn.dataset.frame);
  if (event.target.closest("#as-png")) savePicture(event.target.closest("#as-png").dataset.name);
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, dialog")) return;
  const wave = document.getElementById("wave");
  if (event.key === "ArrowLeft") turnTo(wave?.dataset.older);
  if (event.key === "ArrowRight") turnTo(wave?.dataset.newer);
});

let from = null;
bench.addEventListener("pointerdown", (event) => {
  from = event.target.closest("#wave") ? event : null;
  showPulse(event);
});
bench.addEventListener("pointermove", showPulse);
bench.addEventListener("pointerup", (event) => {
  const wave = document.getElementById("wave");
  const moved = from ? event.clientX - from.clientX : 0;
  from = null;
  if (moved > SWIPE_PX) turnTo(wave?.dataset.older);
  if (moved < -SWIPE_PX) turnTo(wave?.dataset.newer);
});

function showPulse(event) {
  const pulse = event.target.closest?.(".pulse");
  if (!pulse) return;
  document.getElementById("pulse").textContent = pulse.dataset.words;
  bench.querySelector(".pulse.held")?.classList.remove("held");
  pulse.classList.add("held");
}

// An input lights for a second at each of its edges.
function light() {
  for (const line of bench.querySelectorAll("[data-input]")) {
    const name = line.dataset.input;
    if (edges.has(name) && edges.get(name) !== line.dataset.edges) {
      line.classList.add("lit");
      setTimeout(() => document.querySelector(`[data-input="${name}"]`)?.classList.remove("lit"), LIT_MS);
    }
    edges.set(name, line.dataset.edges);
  }
}
light();
document.body.addEventListener("htmx:after:swap", light);

async function savePicture(name) {
  const answer = await fetch(document.getElementById("as-svg").href);
  if (!answer.ok) return;
  const source = URL.createObjectURL(new Blob([await answer.text()], { type: "image/svg+xml" }));
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width * PICTURE_SCALE;
  canvas.height = image.height * PICTURE_SCALE;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(source);
  const link = document.createElement("a");
  link.download = name;
  link.href = canvas.toDataURL("image/png");
  link.click();
}

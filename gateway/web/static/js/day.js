// The time-line of a day, and the names of the days of a week.

const HEIGHT_PX = 200;
const HOUR_S = 3_600;
const at = document.getElementById("timeline");
const language = document.documentElement.lang;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function hours(seconds) {
  const minutes = Math.round(seconds / 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

function draw() {
  const { seconds, granted, denied } = JSON.parse(at.dataset.series);
  const bars = (align) => window.uPlot.paths.bars({ size: [0.4, 12], align });
  const line = { stroke: colour("--dim"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
  const options = {
    width: at.clientWidth - 16,
    height: HEIGHT_PX,
    scales: { x: { time: false, range: [0, 24 * HOUR_S] }, y: { range: (_, __, most) => [0, Math.max(4, most)] } },
    axes: [
      { ...line, incrs: [HOUR_S, 2 * HOUR_S, 4 * HOUR_S, 6 * HOUR_S], values: (_, ticks) => ticks.map(hours) },
      { ...line, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] },
    ],
    series: [
      { label: at.dataset.time, value: (_, value) => (value === null ? "" : hours(value)) },
      { label: at.dataset.granted, stroke: colour("--accent"), fill: colour("--accent"), paths: bars(1), points: { show: false } },
      { label: at.dataset.denied, stroke: colour("--ink"), fill: colour("--ink"), paths: bars(-1), points: { show: false } },
    ],
  };
  return new window.uPlot(options, [seconds, granted, denied], at);
}

for (const day of document.querySelectorAll("[data-weekday]")) {
  const noon = new Date(`${day.dataset.weekday}T12:00:00Z`);
  day.textContent = noon.toLocaleDateString(language, { weekday: "short", timeZone: "UTC" });
}

if (at && window.uPlot) {
  const plot = draw();
  addEventListener("resize", () => plot.setSize({ width: at.clientWidth - 16, height: HEIGHT_PX }));
}

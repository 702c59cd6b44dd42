// How far this phone's clock is from the device's, and its time as the device's zone has it.

const clock = document.getElementById("clock");
const differs = document.getElementById("differs");
const seconds = Math.round(Date.now() / 1_000 - Number(clock.dataset.utc));
const TOLERATED_S = 5;

if (Math.abs(seconds) > TOLERATED_S) {
  const shown = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "second" });
  differs.textContent = `${differs.dataset.words} ${shown.format(seconds)}`;
  differs.hidden = false;
}

document.getElementById("from-phone")?.addEventListener("click", () => {
  const wall = new Date().toLocaleString("sv-SE", { timeZone: clock.dataset.zone });
  document.getElementById("at").value = wall.replace(" ", "T");
});

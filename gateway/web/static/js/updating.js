// Follows the installation of an update, also while nothing answers because the services are stopped.

const POLL_MS = 2_000;

const progress = document.getElementById("progress");
const away = document.getElementById("away");

async function look() {
  let answer;
  try {
    answer = await fetch(progress.dataset.part, {
      headers: { "HX-Request": "true", "HX-Current-URL": location.href },
      cache: "no-store",
    });
  } catch {
    away.hidden = false;
    return true;
  }
  const elsewhere = answer.headers.get("HX-Redirect");
  if (elsewhere) {
    location.href = elsewhere;
    return false;
  }
  if (!answer.ok) return true;
  const text = await answer.text();
  progress.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
  away.hidden = true;
  return isRunning();
}

function isRunning() {
  return progress.querySelector("[data-runs]") !== null;
}

async function follow() {
  if (await look()) setTimeout(follow, POLL_MS);
}

if (isRunning()) setTimeout(follow, POLL_MS);

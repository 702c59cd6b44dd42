// Sends what a signed-in technician asks for, then waits for the device's own page.

const tools = document.getElementById("tools");
const told = document.getElementById("told");

function setBusy(busy) {
  for (const it of tools.querySelectorAll("button, input")) it.disabled = busy;
}

async function send(form) {
  const file = form.file?.files[0];
  told.textContent = file ? tools.dataset.sending : tools.dataset.working;
  setBusy(true);
  try {
    const answer = await fetch(form.dataset.send, { method: "POST", body: file ?? "" });
    if (!answer.ok) {
      told.textContent = await answer.text();
      setBusy(false);
      return;
    }
    told.textContent = tools.dataset.working;
    follow();
  } catch {
    told.textContent = tools.dataset.lost;
    setBusy(false);
  }
}

// Until another page answers here: the device's own, or a later safe page.
function follow() {
  const look = async () => {
    try {
      const answer = await fetch("/safe-run", { cache: "no-store" });
      if (answer.ok && (await answer.text()) === run) return;
      location.href = "/";
    } catch {
      // Nothing listens while it changes.
    }
  };
  setInterval(look, 3_000);
}

let run = "";
if (tools) {
  run = await (await fetch("/safe-run", { cache: "no-store" })).text();
  tools.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target);
  });
}

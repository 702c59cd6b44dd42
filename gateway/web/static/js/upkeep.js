// A backup is sent as it is, with its progress, which a form does not show.

const form = document.getElementById("restore");
const shown = document.getElementById("preview");
const sending = document.getElementById("sending");
const said = sending.querySelector("p");
const bar = sending.querySelector("progress");

function send(address) {
  const [file] = form.file.files;
  const request = new XMLHttpRequest();
  request.open("POST", form.without?.checked ? `${address}?without_secrets=1` : address);
  request.setRequestHeader("HX-Request", "true");
  request.setRequestHeader("Content-Type", "application/octet-stream");
  const passphrase = form.passphrase?.value;
  if (passphrase) request.setRequestHeader("Backup-Passphrase", encodeURIComponent(passphrase));
  request.upload.onprogress = (event) => {
    bar.value = event.loaded / event.total;
  };
  request.upload.onload = () => {
    bar.removeAttribute("value");
    said.textContent = form.dataset.working;
  };
  request.onloadend = () => {
    setBusy(false);
    const elsewhere = request.getResponseHeader("HX-Redirect");
    if (elsewhere) location.href = elsewhere;
    else if (request.status) shown.replaceChildren(...partOf(request.responseText));
    else tellLost();
  };
  bar.value = 0;
  said.textContent = form.dataset.sending;
  shown.replaceChildren();
  setBusy(true);
  request.send(file);
}

function partOf(text) {
  return new DOMParser().parseFromString(text, "text/html").body.childNodes;
}

function setBusy(busy) {
  sending.hidden = !busy;
  form.querySelector("button").disabled = busy;
  form.file.disabled = busy;
}

function tellLost() {
  const text = document.createElement("p");
  text.className = "problem";
  text.setAttribute("role", "alert");
  text.textContent = form.dataset.lost;
  shown.replaceChildren(text);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send(form.dataset.preview);
});
// What was shown is of the file before. An update has neither passphrase nor secrets to leave out.
for (const field of [form.file, form.passphrase, form.without]) {
  field?.addEventListener("input", () => shown.replaceChildren());
}
shown.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirmed]");
  if (button && confirm(button.dataset.confirmed)) send(form.dataset.restore);
});

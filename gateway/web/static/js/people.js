// A photo is made small before it is sent: phones take pictures of many megabytes.

const LONGEST = 800;
const QUALITY = 0.85;

async function shrunk(file) {
  const picture = await createImageBitmap(file);
  const part = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * part);
  canvas.height = Math.round(picture.height * part);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
}

function show(problem) {
  const place = document.getElementById("problem");
  place.replaceChildren();
  const text = document.createElement("p");
  text.className = "problem";
  text.setAttribute("role", "alert");
  text.textContent = problem;
  place.append(text);
}

async function send(input) {
  const [file] = input.files;
  if (!file) return;
  let body = file;
  try {
    body = await shrunk(file);
  } catch {
    // The device says what is wrong with a file that no browser can draw.
  }
  const answer = await fetch(input.dataset.photo, {
    method: "POST",
    headers: { "HX-Request": "true", "Content-Type": "application/octet-stream" },
    body,
  });
  if (answer.ok) location.reload();
  else show(new DOMParser().parseFromString(await answer.text(), "text/html").body.textContent);
}

for (const input of document.querySelectorAll("[data-photo]")) {
  input.addEventListener("change", () => send(input));
}

// Puts a refusal beside the field that it is about, in the form that was sent.

let count = 0;

function forget(form) {
  for (const it of form.querySelectorAll(".problem[data-field]")) it.remove();
  for (const it of form.querySelectorAll("[aria-errormessage]")) {
    it.removeAttribute("aria-errormessage");
    it.removeAttribute("aria-invalid");
  }
}

function place(form, problem) {
  const named = form?.elements.namedItem(problem.dataset.field);
  const several = named instanceof RadioNodeList;
  const fields = (several ? [...named] : [named]).filter((it) => it && it.type !== "hidden");
  if (!fields.length) return;
  const [field] = fields;
  const legend = several && field.closest("fieldset")?.querySelector("legend");
  const beside = legend || field.closest("label") || field.closest(".amount") || field;
  problem.id = `refusal-${++count}`;
  beside.after(problem);
  for (const it of fields) {
    it.setAttribute("aria-invalid", "true");
    it.setAttribute("aria-errormessage", problem.id);
  }
  for (let box = field.closest("details"); box; box = box.parentElement.closest("details")) {
    box.open = true;
  }
  field.focus();
}

const formOf = (ctx) => ctx?.sourceElement?.closest?.("form");

document.body.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const form = formOf(ctx);
  if (form) forget(form);
});
// By its status an answer may go elsewhere than the form says: the new one is looked for everywhere.
document.body.addEventListener("htmx:after:swap", ({ detail }) => {
  const problem = document.querySelector(".problem[data-field]:not([id])");
  if (problem) place(formOf(detail?.ctx), problem);
});
for (const problem of document.querySelectorAll("form .problem[data-field]")) {
  place(problem.closest("form"), problem);
}

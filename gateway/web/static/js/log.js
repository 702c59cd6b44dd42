// A list of events follows what happens only while its top is on the screen and nothing in it is
// open: nothing moves under the eyes of somebody who reads. The button before it tells what is new.

function opened(list) {
  return list.querySelector("details[open]") !== null;
}

function reading(list) {
  return list.getBoundingClientRect().top < 0 || opened(list);
}

function follow(list) {
  const button = list.previousElementSibling;
  const news = button?.matches(".news") ? button : null;

  function refresh() {
    if (news) news.hidden = true;
    list.dispatchEvent(new CustomEvent("refresh-log"));
  }

  document.body.addEventListener("live-log", () => {
    if (!reading(list)) refresh();
    else if (news) news.hidden = false;
  });
  // It may have been opened after the list was asked for.
  document.body.addEventListener("htmx:before:swap", (event) => {
    if (event.detail.ctx.target !== list || !opened(list)) return;
    event.preventDefault();
    if (news) news.hidden = false;
  });
  news?.addEventListener("click", () => {
    for (const open of list.querySelectorAll("details[open]")) open.open = false;
    window.scrollTo({ top: 0 });
    refresh();
  });
}

for (const list of document.querySelectorAll("[data-live-log]")) follow(list);

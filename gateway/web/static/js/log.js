// A list of events follows what happens only while its top is on the screen and nothing in it is
// open: nothing moves under the eyes of somebody who reads. The button before it tells what is new.

function reading(list) {
  return list.getBoundingClientRect().top < 0 || list.querySelector("details[open]") !== null;
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
  news?.addEventListener("click", () => {
    for (const open of list.querySelectorAll("details[open]")) open.open = false;
    window.scrollTo({ top: 0 });
    refresh();
  });
}

for (const list of document.querySelectorAll("[data-live-log]")) follow(list);

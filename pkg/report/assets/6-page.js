// Puts the page together.

function draw() {
  const build = JSON.parse(document.getElementById("build").textContent);
  const timeline = new Timeline(build);
  document.getElementById("page").append(head(build), ...[failurePanel(build), warningPanel(build), waitsPanel(build)].filter(Boolean), timeline.element,
    element("footer", { class: "foot" }, "Made by kubectl buildkit. This page is one file and loads nothing. ",
      "Times are the builder's; that one step waited for another is concluded from when they ended and began."));
  timeline.ticks();
  const follow = () => {
    const found = /^#step-(\d+)$/.exec(location.hash);
    if (found) timeline.open(Number(found[1]));
  };
  window.addEventListener("hashchange", follow);
  window.addEventListener("resize", () => timeline.ticks());
  document.addEventListener("click", (event) => { // a link to the step that the address names already
    const link = event.target.closest("a[href^='#step-']");
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== timeline.search) {
      event.preventDefault();
      timeline.search.focus();
    }
  });
  follow();
}

draw();

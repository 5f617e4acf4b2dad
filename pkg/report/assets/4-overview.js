// The whole build in one strip: how many steps worked at once, and the critical path. Dragging chooses what to zoom to.

class Overview {
  constructor(build, end, choose) {
    this.end = end;
    this.choose = choose;
    this.window = element("div", { class: "window", hidden: true });
    const picture = drawn("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    picture.append(this.load(build));
    for (const part of build.path || []) {
      picture.append(drawn("rect", { class: "way", x: (1000 * part.from) / end, width: Math.max(1, (1000 * (part.to - part.from)) / end), y: 92, height: 8 }));
    }
    this.element = element("div", { class: "overview", title: "Drag to zoom" }, picture, this.window,
      element("span", { class: "hint" }, "steps at once, up to " + this.most + "; drag to zoom"));
    this.element.addEventListener("pointerdown", (event) => this.drag(event));
  }

  load(build) {
    const changes = [];
    for (const step of build.steps) {
      for (const span of step.spans) {
        if (span.to > span.from) changes.push([span.from, 1], [span.to, -1]);
      }
    }
    changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let level = 0;
    const levels = changes.map(([at, by]) => [at, (level += by)]);
    this.most = levels.reduce((most, [, value]) => Math.max(most, value), 0);
    const height = (value) => 90 - (70 * value) / Math.max(1, this.most);
    let path = "M0 90", before = 0;
    for (const [at, value] of levels) {
      const x = ((1000 * at) / this.end).toFixed(2);
      path += "L" + x + " " + height(before).toFixed(1) + "L" + x + " " + height(value).toFixed(1);
      before = value;
    }
    return drawn("path", { class: "load", d: path + "L1000 90Z" });
  }

  mark(view) {
    this.window.hidden = !view;
    if (!view) return;
    this.window.style.left = (100 * view.from) / this.end + "%";
    this.window.style.width = (100 * (view.to - view.from)) / this.end + "%";
  }

  drag(event) {
    const box = this.element.getBoundingClientRect();
    const at = (moved) => this.end * Math.min(1, Math.max(0, (moved.clientX - box.left) / box.width));
    const first = at(event);
    const range = (moved) => ({ from: Math.min(first, at(moved)), to: Math.max(first, at(moved)) });
    const move = (moved) => this.mark(range(moved));
    const stop = (moved) => {
      this.element.removeEventListener("pointermove", move);
      const { from, to } = range(moved);
      if (to - from < this.end / 200) this.choose(0, this.end);
      else this.choose(from, to);
    };
    this.element.setPointerCapture(event.pointerId);
    this.element.addEventListener("pointermove", move);
    this.element.addEventListener("pointerup", stop, { once: true });
    event.preventDefault();
  }
}

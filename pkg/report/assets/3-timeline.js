// The steps on a timeline: an overview to zoom with, an axis, and a row a step.

class Timeline {
  constructor(build) {
    this.build = build;
    this.end = Math.max(1, build.duration);
    this.view = { from: 0, to: this.end };
    this.filter = "all";
    this.query = "";
    this.scale = element("div", { class: "scale", "aria-hidden": "true" });
    this.grid = element("div", { class: "grid", "aria-hidden": "true" });
    this.none = element("div", { class: "none" }, "No step matches.");
    this.rows = build.steps.map((step, index) => new Row(step, index, build));
    this.chart = element("div", { class: "chart" },
      element("div", { class: "axis" }, this.scale), this.grid, this.rows.map((row) => row.element), this.none);
    this.reset = element("button", { class: "plain", type: "button", onclick: () => this.zoom(0, this.end) }, "Whole build");
    this.overview = new Overview(build, this.end, (from, to) => this.zoom(from, to));
    this.element = element("section", { class: "card", id: "timeline" }, this.tools(), this.legend(), this.overview.element, this.chart);
    this.chart.addEventListener("pointermove", (event) => this.point(event));
    this.chart.addEventListener("pointerleave", () => this.point(null));
    this.zoom(0, this.end);
  }

  tools() {
    const kinds = this.build.steps.map(kind);
    const number = (wanted) => kinds.filter((found) => wanted.includes(found)).length;
    const filters = [["all", "All", kinds.length], ["run", "Run", number(["run", "failed", "canceled", "unfinished"])], ["cached", "Cached", number(["cached"])],
      ["way", "Critical path", this.build.steps.filter((step) => step.onPath).length], ["failed", "Failed", number(["failed"])], ["canceled", "Canceled", number(["canceled"])]];
    this.buttons = filters.filter(([name, , found]) => name === "all" || found > 0).map(([name, text, found]) =>
      element("button", { type: "button", "data-filter": name, "aria-pressed": name === "all" ? "true" : "false", onclick: () => this.choose(name) },
        text, element("span", {}, String(found))));
    this.search = element("input", { class: "search", type: "search", placeholder: "Search names and logs  ( / )", "aria-label": "Search names and logs",
      oninput: () => { this.query = this.search.value.toLowerCase(); this.show(); } });
    return element("div", { class: "tools" },
      element("h2", {}, "Timeline"), this.reset, element("div", { class: "filters", role: "group", "aria-label": "Which steps" }, this.buttons), this.search);
  }

  legend() {
    const has = new Set(this.build.steps.map(kind));
    const names = { run: "run", cached: "cached", failed: "failed", canceled: "canceled", unfinished: "did not end", idle: "not reached" };
    return element("div", { class: "legend" },
      Object.keys(names).filter((name) => has.has(name)).map((name) => element("span", {}, element("i", { class: "swatch " + name }), names[name])),
      element("span", {}, element("i", { class: "swatch way" }), "critical path: the build waited for it"));
  }

  choose(name) {
    this.filter = name;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.filter === name));
    this.show();
  }

  zoom(from, to) {
    this.view = { from, to };
    this.reset.hidden = from <= 0 && to >= this.end;
    this.overview.mark(this.reset.hidden ? null : this.view);
    this.ticks();
    for (const row of this.rows) row.place(this.view);
    this.show();
  }

  show() {
    let shown = 0;
    for (const row of this.rows) {
      const visible = row.matches(this.filter, this.query, this.reset.hidden ? null : this.view);
      row.element.hidden = !visible;
      if (visible) shown++;
    }
    this.none.hidden = shown > 0;
  }

  // The axis has as many marks as fit, at round times.
  ticks() {
    const { from, to } = this.view;
    const room = Math.max(2, Math.floor((this.scale.clientWidth || 800) / 90));
    const rough = (to - from) / room;
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    const clock = [5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1200e3, 1800e3, 3600e3, 7200e3, 14400e3];
    const round = to > 60e3 && rough > 2e3 ? clock.find((step) => step >= rough) || power * 10 : Math.max(1, [1, 2, 5, 10].find((n) => n * power >= rough) * power);
    this.scale.replaceChildren();
    this.grid.replaceChildren();
    for (let at = Math.ceil(from / round) * round; at <= to; at += round) {
      const left = (100 * (at - from)) / (to - from);
      const line = element("i");
      line.style.left = left + "%";
      this.grid.append(line);
      if (left > 97) continue;
      const text = element("span", {}, mark(at, round));
      text.style.left = left + "%";
      this.scale.append(text);
    }
    this.now = [element("span", { class: "now", hidden: true }), element("i", { class: "now", hidden: true })];
    this.scale.append(this.now[0]);
    this.grid.append(this.now[1]);
  }

  // The time under the pointer.
  point(event) {
    const box = this.scale.getBoundingClientRect();
    const at = event ? (event.clientX - box.left) / box.width : -1;
    const inside = at >= 0 && at <= 1;
    for (const mark of this.now) {
      mark.hidden = !inside;
      if (inside) mark.style.left = 100 * at + "%";
    }
    if (inside) this.now[0].textContent = time(this.view.from + at * (this.view.to - this.view.from));
  }

  // open shows the step of a link, whatever was filtered.
  open(index) {
    const row = this.rows[index];
    if (!row) return;
    if (row.element.hidden) {
      this.search.value = this.query = "";
      this.choose("all");
      this.zoom(0, this.end);
    }
    row.element.open = true;
    row.element.scrollIntoView({ block: "center" });
    row.element.querySelector("summary").focus({ preventScroll: true });
  }
}

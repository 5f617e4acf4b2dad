// One step: its line in the timeline, and what is behind it, which is made when it is opened.

class Row {
  constructor(step, index, build) {
    this.step = step;
    this.build = build;
    this.kind = kind(step);
    this.bars = step.spans.map((span) => element("i", { class: span.to - span.from < 1 ? "bar point" : "bar" }));
    const took = this.kind === "idle" ? "" : this.kind === "cached" ? "cached" : this.kind === "canceled" ? "canceled" : time(busy(step));
    this.element = element("details", { class: "step " + this.kind + (step.critical > 0 ? " way" : ""), id: "step-" + index, ontoggle: () => this.fill() },
      element("summary", { title: (step.group ? "[" + step.group + "] " : "") + step.name },
        element("span", { class: "what" }, element("i", { class: "swatch " + this.kind }), element("span", { class: "text" },
          step.group && element("span", { class: "group" }, "[" + step.group + "] "), instruction(step.name))),
        element("span", { class: "track" }, this.bars),
        element("span", { class: "took" }, took)));
  }

  place(view) {
    const whole = view.to - view.from;
    this.step.spans.forEach((span, i) => {
      this.bars[i].style.left = (100 * (span.from - view.from)) / whole + "%";
      this.bars[i].style.width = (100 * (span.to - span.from)) / whole + "%";
    });
  }

  matches(filter, query, view) {
    const { step } = this;
    const kinds = { all: true, run: ["run", "failed", "canceled", "unfinished"].includes(this.kind), way: step.onPath };
    if (!(filter in kinds ? kinds[filter] : this.kind === filter)) return false;
    if (view && !step.spans.some((span) => span.to >= view.from && span.from <= view.to)) return false;
    return query === "" || ("[" + step.group + "] " + step.name + "\n" + (step.log || "")).toLowerCase().includes(query);
  }

  fill() {
    if (!this.element.open || this.filled) return;
    this.filled = true;
    const { step, build } = this;
    const facts = [];
    if (step.spans.length > 0) {
      const from = Math.min(...step.spans.map((span) => span.from)), to = Math.max(...step.spans.map((span) => span.to));
      facts.push({ name: "from", value: time(from) }, { name: "to", value: step.unfinished ? "not ended" : time(to) }, { name: "worked", value: time(busy(step)) });
      if (step.spans.length > 1) facts.push({ name: "in", value: count(step.spans.length, "part") });
      if (step.critical > 0) facts.push({ name: "the build waited", value: time(step.critical) });
    }
    facts.push({ name: "digest", value: step.digest });
    const detail = element("div", { class: "detail" },
      element("p", { class: "full" }, step.name), factList(facts),
      step.error && element("p", { class: "error" }, step.error));
    if ((step.inputs || []).length > 0) {
      detail.append(element("dl", { class: "facts" }, element("div", {}, element("dt", {}, "needs"),
        element("dd", {}, step.inputs.flatMap((i) => [stepLink(build.steps[i], i), element("br")])))));
    }
    if ((step.transfers || []).length > 0) detail.append(this.transfers());
    detail.append(this.log());
    this.element.append(detail);
    if (this.kind === "failed") detail.lastChild.scrollTop = detail.lastChild.scrollHeight;
  }

  transfers() {
    const words = { sent: "sent", pulled: "pulled", returned: "returned", other: "" };
    return element("table", { class: "moves" }, element("tbody", {}, this.step.transfers.map((move) => {
      const took = move.to - move.from;
      const rate = move.bytes > 0 && took > 0 ? bytes((move.bytes * 1000) / took) + "/s" : "";
      return element("tr", {}, element("td", { class: "mono" }, move.name), element("td", { class: "muted" }, words[move.direction]),
        element("td", { class: "number" }, move.bytes > 0 ? bytes(move.bytes) : ""), element("td", { class: "number" }, time(took)),
        element("td", { class: "number muted" }, rate));
    })));
  }

  log() {
    const { step } = this;
    if (!step.log) return element("div", { class: "muted" }, "It printed nothing.");
    const [start, end] = step.log.split("\f");
    return element("pre", { class: "log", tabindex: "0" }, start,
      end !== undefined && [element("span", { class: "lost" }, "… " + bytes(step.logLost) + " left out …"), end]);
  }
}

// The top of the page: what was built, how it ended, where the time went.

const states = { succeeded: "Succeeded", failed: "Failed", canceled: "Canceled", running: "Still running" };

function head(build) {
  const facts = [{ name: "Started", value: moment(build.started) }, ...(build.facts || [])];
  return element("header", {},
    element("div", { class: "title" },
      element("span", { class: "state " + build.state }, states[build.state] || build.state),
      element("h1", {}, build.title)),
    factList(build.steps.length > 0 ? facts : facts.slice(1)),
    tiles(build));
}

function factList(facts) {
  return element("dl", { class: "facts" },
    facts.map((fact) => element("div", {}, element("dt", {}, fact.name), element("dd", { class: "mono" }, fact.value))));
}

function tiles(build) {
  const t = build.totals;
  const tile = (name, value, more, extra) =>
    element("section", { class: "card tile" },
      element("div", { class: "name" }, name), element("div", { class: "value" }, value),
      element("div", { class: "more" }, more), extra);
  const rest = t.steps - t.cached - t.executed;
  const stack = element("div", { class: "stack", "aria-hidden": "true" });
  for (const [part, colour] of [[t.cached, "--cached"], [t.executed, "--run"]]) {
    const piece = element("i");
    piece.style.width = (100 * part) / Math.max(1, t.steps) + "%";
    piece.style.background = "var(" + colour + ")";
    stack.append(piece);
  }
  return element("div", { class: "tiles" },
    tile("Duration", time(build.duration), "first step to last"),
    tile("Steps", String(t.steps), [t.cached + " cached, " + t.executed + " run", rest > 0 && ", " + rest + " not reached"], stack),
    tile("Critical path", time(t.critical), percent(t.critical, build.duration) + " of the time"),
    tile("Parallelism", (build.duration > 0 ? t.busy / build.duration : 0).toFixed(1) + " ×", time(t.busy) + " of work"),
    tile("Sent", bytes(t.sent), "client to builder"),
    tile("Pulled", bytes(t.pulled), "registries to builder"),
    t.returned > 0 && tile("Returned", bytes(t.returned), "builder to client"));
}

function excerpt(source) {
  return element("div", { class: "source", tabindex: "0", role: "region", "aria-label": source.file },
    source.lines.map((line) => element("div", { class: line.marked && "marked" }, element("b", {}, String(line.number)), line.text || " ")));
}

function failurePanel(build) {
  const failure = build.failure;
  if (!failure) return null;
  const step = build.steps[failure.step];
  const panel = element("section", { class: "card panel", id: "failure" },
    element("h2", {}, step ? [states[build.state] + " at ", stepLink(step, failure.step)] : states[build.state]),
    element("p", { class: "message" }, failure.message));
  for (const source of failure.sources || []) {
    panel.append(element("div", { class: "caption" }, source.file), excerpt(source));
  }
  if (step && step.log) {
    const lines = step.log.replace(/\n+$/, "").split(/[\n\f]/);
    panel.append(element("div", { class: "caption" }, lines.length > 15 ? "The last lines of its log" : "Its log"),
      element("pre", { class: "log", tabindex: "0" }, lines.slice(-15).join("\n")));
  }
  return panel;
}

function stepLink(step, index) {
  return element("a", { href: "#step-" + index, class: "mono" }, step.group ? "[" + step.group + "] " + step.name : step.name);
}

function warningPanel(build) {
  if (build.warnings.length === 0) return null;
  return element("section", { class: "card panel warning", id: "warnings" },
    element("h2", {}, count(build.warnings.length, "warning")),
    element("ul", {}, build.warnings.map((warning) => element("li", {},
      warning.text, " ", warning.url && element("a", { href: warning.url, rel: "noreferrer" }, "what it means"),
      (warning.detail || []).map((line) => element("div", { class: "muted" }, line)),
      warning.source && [element("div", { class: "caption" }, warning.source.file), excerpt(warning.source)]))));
}

// The steps that the build waited for, the longest first.
function waitsPanel(build) {
  const longest = build.steps.map((step, index) => ({ step, index }))
    .filter((entry) => entry.step.critical > 0)
    .sort((a, b) => b.step.critical - a.step.critical).slice(0, 6);
  if (longest.length === 0) return null;
  return element("section", { class: "card waits", id: "waits" },
    element("h2", {}, "What the build waited for"),
    element("ol", {}, longest.map(({ step, index }) => {
      const filled = element("i");
      filled.style.width = (100 * step.critical) / longest[0].step.critical + "%";
      return element("li", {}, element("a", { href: "#step-" + index, title: step.name },
        element("span", { class: "what" }, element("span", { class: "text" },
          step.group && element("span", { class: "group" }, "[" + step.group + "] "), instruction(step.name))),
        element("span", { class: "meter" }, filled),
        element("span", { class: "number" }, time(step.critical)),
        element("span", { class: "number muted" }, percent(step.critical, build.duration))));
    })));
}

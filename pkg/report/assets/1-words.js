"use strict";
// Words and numbers for people, and elements. Text only ever becomes text: nothing here parses HTML.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") made.className = value || "";
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

function drawn(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function time(ms) {
  if (ms < 1000) return Math.round(ms) + " ms";
  if (ms < 9995) return (ms / 1000).toFixed(2) + " s";
  if (ms < 59950) return (ms / 1000).toFixed(1) + " s";
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return Math.floor(seconds / 60) + " m " + String(seconds % 60).padStart(2, "0") + " s";
  return Math.floor(seconds / 3600) + " h " + String(Math.floor(seconds / 60) % 60).padStart(2, "0") + " m";
}

// A time on the axis, with no more digits than tell two marks apart.
function mark(ms, apart) {
  if (ms === 0) return "0";
  if (ms >= 60000) return time(ms);
  if (apart < 1 || ms < 1000 && apart < 1000) return Math.round(ms) + " ms";
  return (ms / 1000).toFixed(apart < 10 ? 3 : apart < 100 ? 2 : apart < 1000 ? 1 : 0) + " s";
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 999.5 && unit < units.length - 1) {
    count /= 1000;
    unit++;
  }
  return (unit === 0 || count >= 99.95 ? Math.round(count) : count.toFixed(count >= 9.995 ? 1 : 2)) + " " + units[unit];
}

function percent(part, whole) {
  if (whole <= 0) return "–";
  const share = (100 * part) / whole;
  return share > 0 && share < 1 ? "<1 %" : Math.round(share) + " %";
}

function count(number, noun) {
  return number + " " + noun + (number === 1 ? "" : "s");
}

// A time of day with its zone: the reader may be in another.
function moment(when) {
  return new Date(when).toLocaleString(undefined, {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
  });
}

// A step's name without its group; the instruction's keyword is set off.
function instruction(name) {
  const found = /^([A-Z]{2,})(\s[^]*)$/.exec(name);
  return found ? [element("strong", {}, found[1]), found[2]] : [name];
}

function busy(step) {
  return step.spans.reduce((sum, span) => sum + span.to - span.from, 0);
}

// What colours a step.
function kind(step) {
  if (step.canceled) return "canceled";
  if (step.error) return "failed";
  if (step.cached) return "cached";
  if (step.spans.length === 0) return "idle";
  return step.unfinished ? "unfinished" : "run";
}

// Which page is shown: what stands behind `#` in the address names it.

import { fill, h } from "./elements.js";
import { problemNote } from "./problems.js";

const content = document.getElementById("content");

let leaving = new AbortController();
let routes = [];

/**
 * Show the page that the address names, now and whenever it changes.
 *
 * Routes are pairs of a pattern and a page: a function of the place it may fill, `{parts, query, signal}` with what
 * the pattern's groups matched. The signal says that the page is left.
 */
export function start(known) {
  routes = known;
  window.addEventListener("hashchange", () => {
    if (isRoute(location.hash)) open({ focus: true });
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    content.focus();
  });
  open({ focus: false });
}

/** Show the present page anew. */
export function reload() {
  open({ focus: true });
}

function isRoute(hash) {
  return hash === "" || hash.startsWith("#/");
}

async function open({ focus }) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, query] = (isRoute(location.hash) ? location.hash.slice(1) || "/" : "/").split("?");
  const place = h("div", { class: "page", "aria-busy": "true" }, h("h1", { class: "loading" }, "Loading …"));
  fill(content, place);
  markCurrent(path);
  try {
    const [page, parts] = found(path);
    await page(place, { signal, query: new URLSearchParams(query), parts });
  } catch (error) {
    if (signal.aborted) return;
    fill(place, h("h1", {}, "This did not work"), problemNote(error));
  } finally {
    place.removeAttribute("aria-busy");
  }
  if (signal.aborted) return;
  const heading = place.querySelector("h1");
  document.title = heading ? `${heading.textContent} · Tacit` : "Tacit";
  if (focus && heading) {
    heading.tabIndex = -1;
    heading.focus();
    window.scrollTo(0, 0);
  }
}

/** The page of a path, and the parts of the path that its pattern names. */
function found(path) {
  for (const [pattern, page] of routes) {
    const match = pattern.exec(path);
    if (match) return [page, match.slice(1).map(decodeURIComponent)];
  }
  return [nothing, []];
}

function nothing(place) {
  fill(place, h("h1", {}, "There is no such page"), h("p", {}, h("a", { href: "#/" }, "To the models")));
}

function markCurrent(path) {
  for (const link of document.querySelectorAll("header nav a")) {
    const current = path.startsWith("/fits") ? "#/fits" : "#/";
    if (link.getAttribute("href") === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

"""The page's style and script, and the policy that lets it load and run nothing else."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

STYLE = """
:root { color-scheme: light dark;
  --paper: #fff; --ink: #1a1a1a; --soft: #575757; --line: #e3e3e3; --rule: #8a8a8a;
  --panel: #f6f6f4; --accent: #00558a;
  --c0: #000; --c1: #0072b2; --c2: #d55e00; --c3: #009e73; --c4: #cc79a7; --c5: #56b4e9;
  --c6: #e69f00; --grey: #6b6b6b; --grid: #ececec; --hairline: #c9c9c9;
  --g0: #d9e3ea; --g1: #9cbfd8; --g2: #4d8fbd; --g3: #00558a }
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #16181a; --ink: #e8e6e3; --soft: #a9a6a1; --line: #2e3134; --rule: #7c7f82;
  --panel: #1f2225; --accent: #7cc0f0;
  --c0: #f2f2f2; --c1: #4fa8e0; --c2: #f0813a; --c3: #2cc59b; --c4: #dd93bd; --c5: #7cc8f2;
  --c6: #f0b43c; --grey: #a9a6a1; --grid: #2a2d30; --hairline: #4a4d50;
  --g0: #2b3a45; --g1: #365f7d; --g2: #4d8fbd; --g3: #9fd2f5 } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { font: 1rem/1.55 system-ui, sans-serif; margin: 0; color: var(--ink);
  background: var(--paper); overflow-wrap: break-word }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .3rem }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .6rem }
p, li { max-width: 44rem }
header p, .note, footer, caption, small { color: var(--soft) }
.note, footer { font-size: .875rem }
small { font-size: .85em }
.summary { background: var(--panel); border-left: .25rem solid var(--accent);
  padding: .9rem 1.1rem; margin: 1.2rem 0; max-width: 48rem }
.summary h2 { margin-top: 0 }
.summary > :last-child { margin-bottom: 0 }
.summary .lead { font-size: 1.1rem; font-weight: 600; margin: 0 0 .5rem }
.summary ul { padding-left: 1.2rem; margin: .4rem 0 }
.summary h3 { font-size: .95rem; margin: .9rem 0 .2rem }
/* A shade at the right edge while there is more to scroll to: the paper before it moves along. */
.wide { overflow-x: auto; max-width: 100%; background:
  linear-gradient(to left, var(--paper) 1.5rem, transparent) right / 3rem 100% no-repeat local,
  linear-gradient(to left, var(--rule), transparent) right / .6rem 100% no-repeat scroll }
.wide:focus-visible, button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { padding: .35rem .9rem .35rem 0; text-align: left; vertical-align: top }
thead th { border-bottom: 1px solid var(--rule); font-weight: 600; vertical-align: bottom }
td, tbody th { border-bottom: 1px solid var(--line) }
tbody th { font-weight: 400 }
.n { text-align: right; white-space: nowrap }
.n + .n, .n { padding-left: .5rem }
thead .n { white-space: normal }
th:first-child { position: sticky; left: 0; z-index: 1; background: var(--paper); max-width: 12rem }
.verdict { min-width: 8rem }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0;
  margin: 0; cursor: pointer; text-align: inherit }
th button::after { content: "\\a0\\2195"; color: var(--soft); font-weight: 400 }
th[aria-sort=ascending] button::after { content: "\\a0\\2191"; color: var(--accent) }
th[aria-sort=descending] button::after { content: "\\a0\\2193"; color: var(--accent) }
code, pre { font: .9em/1.5 ui-monospace, monospace }
pre { background: var(--panel); padding: .7rem .9rem; white-space: pre-wrap;
  overflow-wrap: anywhere; user-select: all; margin: .5rem 0 }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr);
  gap: .3rem 1.2rem; margin: .5rem 0 }
dd { margin: 0; overflow-wrap: anywhere }
figure { margin: 1rem 0 }
/* What has no colour of its own is black in a drawing. */
figure svg { display: block; width: min(100%, 36rem); height: auto; fill: var(--c0) }
figure svg text { fill: var(--ink) }
.picture { display: block; width: 3.5rem; height: 3.5rem; object-fit: contain;
  image-rendering: pixelated }
svg.picture { width: 6rem; stroke: currentColor; fill: none }
.vote { display: inline-block; white-space: nowrap; margin-right: .5rem; color: var(--soft) }
.vote.right { color: var(--ink); font-weight: 600 }
.spread { display: flex; width: 14rem; height: 1rem }
.spread i { display: block; height: 100% }
.g0 { background: var(--g0) } .g1 { background: var(--g1) }
.g2 { background: var(--g2) } .g3 { background: var(--g3) }
.key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem;
  vertical-align: -.05rem }
.key span { display: inline-block; margin-right: 1rem }
@media (max-width: 36rem) {
  main { padding: 1rem .8rem 2rem } h1 { font-size: 1.25rem } .summary { padding: .8rem }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0 } dd { margin-bottom: .7rem }
  th:first-child { max-width: 9rem } .spread { width: 9rem } }
/* On paper nothing scrolls, sorts or stays in sight: tables take the width that there is. */
@media print {
  :root { color-scheme: light }
  body { font-size: 10pt } main { max-width: none; padding: 0 }
  table { font-size: 7.5pt } .wide { overflow: visible; background: none }
  th, td { padding-right: .25rem } thead th { font-size: 6.5pt }
  .n, .vote { white-space: normal } .n + .n, .n { padding-left: .2rem }
  .verdict { min-width: 0 } .spread { width: 8rem } .picture { width: 2.5rem; height: 2.5rem }
  th:first-child { position: static; max-width: 9rem }
  /* A button would be missing where the head is repeated on the next sheet. */
  th button { display: contents } th[scope] button::after { content: none }
  thead { display: table-header-group }
  tr, figure, pre, p, li { break-inside: avoid }
  h1, h2, h3, .note:has(+ .wide), p:has(+ .wide), dt { break-after: avoid }
  /* A browser leaves backgrounds out to save ink; these say something. */
  .summary, .spread i, .key i { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""

SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.v;
    return value === undefined ? cell.textContent.trim().toLowerCase()
      : value === "" ? null : Number(value);
  };
  const compare = (a, b) => typeof a === "string" && typeof b === "string"
    ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  const sort = (column) => {
    const header = headers[column];
    const down = header.getAttribute("aria-sort") === "ascending";
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return down ? compare(b, a) : compare(a, b);
    });
    for (const other of headers) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map(([, row]) => row));
  };
  headers.forEach((header, column) => {
    if (header.hasAttribute("data-fixed")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(column));
    header.append(button);
  });
}
"""

_HASH = b64encode(sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'"
)
"""No network, and no script but ours: markup that slipped in could do nothing."""

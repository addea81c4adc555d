/* What is wrong with the page that is open: a list of sentences, empty when nothing is. Evaluated with
   `paper` and `scripts`; the function is called by tests/browser/checks.py. */
(paper, scripts) => {
  const wrong = [];
  const article = document.querySelector("article");
  const shown = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const name = (e) => e.outerHTML.replace(/\s+/g, " ").slice(0, 110);

  // The page itself.
  if (!article || !article.querySelector("h1") || article.innerText.length < 40) wrong.push("no text in the page");
  if (window.hacked !== undefined || window.__pwned !== undefined) wrong.push("foreign text was executed");
  const limit = document.documentElement.clientWidth + 1;
  if (document.documentElement.scrollWidth > limit) {
    const wide = [...document.querySelectorAll("main *, header *, footer *")].filter((e) => shown(e) && e.getBoundingClientRect().right > limit && !e.closest(".md-search, .tb-scroll, .md-typeset__scrollwrap, pre"));
    wrong.push("wider than the window: " + wide.slice(0, 3).map(name).join(" | "));
  }
  if (!article) return wrong;

  // Charts.
  for (const figure of article.querySelectorAll("figure.chart")) {
    const id = figure.id;
    if (!scripts) {
      const note = figure.querySelector(".tb-instead");
      if (!note || !shown(note)) wrong.push(id + ": no note in place of the chart");
      if (!figure.querySelector("figcaption a[href$='.json']")) wrong.push(id + ": no numbers");
      continue;
    }
    if (figure.dataset.error) wrong.push(id + ": " + figure.dataset.error);
    const svg = figure.querySelector("svg");
    if (!svg || !shown(svg)) { wrong.push(id + ": not drawn"); continue; }
    if (svg.getBoundingClientRect().width < 180) wrong.push(id + ": squeezed");
    const marks = [...svg.querySelectorAll("[class*='role-mark'] path, [class*='role-mark'] rect")];
    if (!marks.some((m) => m.getBoundingClientRect().width + m.getBoundingClientRect().height > 0)) wrong.push(id + ": no marks");
    if (/undefined|NaN|@/.test(svg.textContent)) wrong.push(id + ": a placeholder in the chart");
    const wanted = !paper && document.body.dataset.mdColorScheme === "slate" ? "dark" : "light";
    if (figure.dataset.scheme !== wanted) wrong.push(id + ": drawn for " + figure.dataset.scheme);
  }

  // Tables scroll inside their own box; paper does not scroll at all.
  for (const table of article.querySelectorAll("table")) {
    if (!shown(table) && !table.closest("details")) wrong.push("a hidden table: " + name(table));
    const box = table.closest(".tb-scroll, .md-typeset__scrollwrap") || table;
    const edge = box.getBoundingClientRect();
    if (edge.right > limit) wrong.push("a box beyond the window: " + name(table));
    if (!paper && table.scrollWidth > edge.width + 2 && !["auto", "scroll"].includes(getComputedStyle(box).overflowX)) wrong.push("a table that can not be scrolled: " + name(table));
    if (paper && table.getBoundingClientRect().right > article.getBoundingClientRect().right + 1) wrong.push("a table that paper cuts: " + name(table));
  }
  for (const code of article.querySelectorAll("pre > code")) {
    if (paper && code.scrollWidth > code.clientWidth + 1) wrong.push("code that paper cuts: " + name(code));
  }

  // What has no place on paper.
  const parts = ".md-header, .md-tabs, .md-sidebar, .md-footer, .md-top, .md-code__nav, .md-skip";
  if (paper) for (const part of document.querySelectorAll(parts)) if (shown(part) && part.getBoundingClientRect().height > 1 && part.getBoundingClientRect().bottom > 0) wrong.push("on paper: " + name(part).slice(0, 60));

  // Contrast of every text (WCAG 2.2, AA).
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = new Map();
  const rgba = (colour) => {
    if (!seen.has(colour)) {
      probe.clearRect(0, 0, 1, 1); probe.fillStyle = "#000"; probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
      const m = colour.match(/^rgba?\(([^)]+)\)/); // exact, where the browser says it: a canvas rounds what is nearly clear
      const [x, y, z, w] = m ? m[1].split(/[ ,/]+/).map(Number) : [r, g, b, a / 255];
      seen.set(colour, [x, y, z, w === undefined ? 1 : w]);
    }
    return seen.get(colour);
  };
  const over = (top, bottom) => top.slice(0, 3).map((c, i) => c * top[3] + bottom[i] * (1 - top[3]));
  const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const faint = new Map();
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const node = words.currentNode, e = node.parentElement;
    if (!node.data.trim() || e.closest("script, style, noscript:not(:has(p)), .headerlink, .md-skip, [hidden]") || !shown(e)) continue;
    const box = e.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const style = getComputedStyle(e);
    let [r, g, b, a] = rgba(e.closest("svg") ? style.fill : style.color);
    for (let at = e; at; at = at.parentElement) a *= Number(getComputedStyle(at).opacity);
    if (a < 0.05) continue; // not there until the pointer is
    const ground = behind(e.closest("svg") ? e.closest("figure") || e : e);
    const [one, two] = [light(over([r, g, b, a], ground)), light(ground)].sort((x, y) => y - x);
    const ratio = (one + 0.05) / (two + 0.05), size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < needed - 0.005) {
      const where = `${e.tagName.toLowerCase()}.${e.getAttribute("class") || ""} ${style.color}`;
      if (!faint.has(where)) faint.set(where, `${ratio.toFixed(2)} < ${needed}: ${where} "${node.data.trim().slice(0, 30)}"`);
    }
  }
  wrong.push(...[...faint.values()].slice(0, 6));
  return wrong;
}

/* What scrolls sideways is a stop of the keyboard, with a name; what fits is none. charts.js calls it on every page.
 *
 * Browsers differ in which boxes they let the keyboard scroll: some none, some those without a link in them.
 */
(() => {
  "use strict";
  const BOXES = "article :is(.tb-scroll, .md-typeset__scrollwrap, pre > code)";
  const MADE = "data-reach"; // those that others made a stop keep their own name

  // The heading that a reader would scroll up to.
  const above = (box) => {
    const heads = [...document.querySelectorAll("article :is(h1, h2, h3)")];
    const head = heads.filter((one) => one.compareDocumentPosition(box) & Node.DOCUMENT_POSITION_FOLLOWING).pop();
    return head ? head.textContent.replace("¶", "").trim() : "";
  };

  const stop = (box) => {
    const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (scrolls && !box.hasAttribute("tabindex")) {
      box.tabIndex = 0;
      box.setAttribute(MADE, "");
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", (box.matches("code") ? "Code: " : "Table: ") + above(box));
    } else if (!scrolls && box.hasAttribute(MADE)) {
      for (const name of ["tabindex", "role", "aria-label", MADE]) box.removeAttribute(name);
    }
  };

  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => stop(entry.target)));
  window.__tunebookReach = () => {
    sizes.disconnect();
    for (const box of document.querySelectorAll(BOXES)) sizes.observe(box);
  };
})();

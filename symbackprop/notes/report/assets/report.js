"use strict";
(() => {
  const macros = JSON.parse(document.getElementById("macros").textContent);
  for (const place of document.querySelectorAll(".tex")) {
    const source = place.textContent;
    try {
      katex.render(source, place, {
        displayMode: true, throwOnError: true, trust: false, strict: "ignore",
        maxExpand: 1000, maxSize: 20, macros: { ...macros },
      });
    } catch (error) {
      place.textContent = source;
      place.classList.add("source");
      place.title = String(error.message || error);
    }
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
  }
  const cards = [...document.querySelectorAll("article")];
  for (const button of document.querySelectorAll("button[data-verdict]")) {
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      for (const card of cards)
        if (card.classList.contains(button.dataset.verdict)) card.hidden = !shown;
    });
  }
  const move = (step, wanted) => {
    const seen = cards.filter((card) => !card.hidden && wanted(card));
    if (seen.length === 0) return;
    const here = document.activeElement.closest("article");
    const at = here === null ? (step > 0 ? -1 : 0) : cards.indexOf(here);
    const ahead = seen.filter((card) => (cards.indexOf(card) - at) * step > 0);
    const target = step > 0 ? ahead[0] : ahead[ahead.length - 1];
    if (target !== undefined) target.focus();
  };
  const all = () => true;
  const bad = (card) => card.classList.contains("wrong");
  const keys = { j: [1, all], k: [-1, all], n: [1, bad], p: [-1, bad] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    move(...keys[event.key]);
  });
})();

/* Texts of the page's figures that print over one another, or that their figure cuts off. */
() => {
  const found = [], rect = element => element.getBoundingClientRect();
  const isSeen = text => text.textContent.trim() && rect(text).width
    && getComputedStyle(text).visibility !== "hidden" && getComputedStyle(text).opacity > 0;
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const name = plot.querySelector(".gtitle")?.textContent, box = rect(plot.querySelector(".main-svg"));
    const texts = [...plot.querySelectorAll("svg text")].filter(isSeen);
    texts.forEach((text, index) => {
      const own = rect(text);
      if (own.left < box.left - 2 || own.right > box.right + 2 || own.bottom > box.bottom + 2)
        found.push(`${name}: cut off: ${text.textContent}`);
      for (const other of texts.slice(index + 1)) {
        const { left, right, top, bottom } = rect(other);
        if (Math.min(own.right, right) - Math.max(own.left, left) > 3
          && Math.min(own.bottom, bottom) - Math.max(own.top, top) > 4)
          found.push(`${name}: over one another: ${text.textContent} | ${other.textContent}`);
      }
    });
  }
  return found;
}

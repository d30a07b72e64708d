// A field for code: what the model suggests stands in it as ghost text, until Tab or Esc.
// A mirror behind the transparent field shows all text, so that a ghost can stand within it.
const PAUSE_MS = 60; // shorter than the eye notices, longer than a key that repeats takes

function part(tag, name, parent) {
  const made = document.createElement(tag);
  made.className = name;
  parent.append(made);
  return made;
}

function render({ model, el }) {
  const box = part("div", "lk-ghost", el);
  box.setAttribute("data-lm-suppress-shortcuts", "true");
  const mirror = part("pre", "lk-ghost-mirror", box);
  const field = part("textarea", "lk-ghost-field", box);
  const spoken = part("div", "lk-ghost-spoken", box);
  mirror.setAttribute("aria-hidden", "true");
  spoken.setAttribute("role", "status");
  field.setAttribute("aria-label", "code; Tab accepts a suggestion, Escape refuses it");
  field.spellcheck = false;
  field.autocomplete = "off";
  field.value = model.get("text");
  const at = model.get("cursor");
  field.setSelectionRange(at, at);
  let number = 0, ghost = "", place = at, timer = 0, pressed = performance.now();

  function draw() {
    const shown = document.createElement("span");
    shown.className = "lk-ghost-text";
    shown.textContent = ghost;
    mirror.replaceChildren(
      field.value.slice(0, place), shown, field.value.slice(place) + "\u200b");
    spoken.textContent = ghost && `Suggestion: ${ghost}`;
  }

  function ask() {
    clearTimeout(timer);
    number += 1;
    ghost = "";
    place = field.selectionStart;
    pressed = performance.now();
    timer = setTimeout(() => {
      const [before, after] = [field.value.slice(0, place), field.value.slice(place)];
      model.send({ kind: "ask", number, before, after });
    }, PAUSE_MS);
    draw();
  }

  function drop(kind) {
    if (ghost) model.send({ kind });
    ghost = "";
    draw();
  }

  function typed(event) {
    const text = event.data;
    const follows = text && ghost.startsWith(text) && field.selectionStart === place + text.length;
    if (!follows || ghost === text) return ask();
    ghost = ghost.slice(text.length); // the learner types what is suggested: it stays
    place += text.length;
    draw();
  }

  function insert(text) {
    // Unlike setRangeText, it can be undone.
    if (!document.execCommand("insertText", false, text)) {
      field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
      ask();
    }
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Tab" && !event.shiftKey && ghost) {
      const text = ghost;
      drop("accepted");
      insert(text);
    } else if (event.key === "Escape" && ghost) {
      drop("refused");
    } else if (event.key === "Enter" && !event.shiftKey) {
      const line = field.value.slice(0, field.selectionStart).split("\n").pop();
      insert("\n" + /^\s*/.exec(line)[0] + (line.trimEnd().endsWith(":") ? "    " : ""));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function moved() {
    if (field.selectionStart === place && field.selectionEnd === place) return;
    clearTimeout(timer);
    number += 1; // what was asked for is for another place
    place = field.selectionStart;
    drop("left");
  }

  function arrived() {
    const came = model.get("ghost");
    if (came.number !== number || !came.text) return;
    ghost = came.text;
    draw();
    if (number) model.send({ kind: "shown", ms: performance.now() - pressed });
  }

  field.addEventListener("input", typed);
  field.addEventListener("keydown", press);
  field.addEventListener("keyup", moved);
  field.addEventListener("click", moved);
  model.on("change:ghost", arrived);
  draw();
  arrived();
  return () => model.off("change:ghost", arrived);
}
export default { render };

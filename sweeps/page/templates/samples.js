// Two cells' responses to one prompt, side by side.
"use strict";
(() => {
  const choice = (key) => document.querySelector(`select[data-choice="${key}"]`);
  if (!choice("prompt")) return;
  const { prompts, answers } = study.samples;
  const show = () => {
    const prompt = choice("prompt").value;
    document.getElementById("sample-prompt").textContent = prompts[prompt];
    for (const side of ["a", "b"]) {
      const card = document.querySelector(`.card[data-side="${side}"]`);
      const name = choice(side).value;
      const found = answers[name][prompt];
      card.querySelector("h4").textContent = choice(side).selectedOptions[0].textContent;
      card.querySelector(".response").textContent = found ? found.response || "(empty)" : "No response to this prompt was kept.";
      card.querySelector(".scored").textContent = found?.scored ?? "";
    }
  };
  if (!salmon.state.has("b") && choice("b").options.length > 1) choice("b").selectedIndex = choice("b").options.length - 1;
  salmon.onChoice((key) => { if (["prompt", "a", "b"].includes(key)) show(); });
  show();
})();

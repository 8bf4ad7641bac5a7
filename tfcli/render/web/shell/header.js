// What was asked and answered, of a record of attention or of a forward pass.
function showHeader({ run, task, tokens, prediction, target, first_answer: first }) {
  const judged = target.filter((token) => token !== "").length;
  const wrong = judged ? prediction.filter((token, i) => isWrong(token, target[i])).length : 0;
  $("run").textContent = run;
  $("task").textContent = task ? `${said("task")} ${task}` : "";
  $("verdict").dataset.right = wrong === 0;
  $("verdict").textContent = !judged ? said("what the model answers") : wrong === 0
    ? said("the answer is right") : said("the answer is wrong: {wrong} of {judged} tokens are", { wrong, judged });
  const names = ["position", "input", "answer", ...(wrong ? ["right is"] : [])];
  $("sequence").setAttribute("aria-label", said("the sequence and the answer"));
  $("sequence").replaceChildren(
    make("li", { className: "names note" }, ...names.map((name) => make("span", { textContent: said(name) }))),
    ...tokens.map((token, i) => answered(i, token, prediction[i - first], judged ? target[i - first] : "")),
  );
}

function isWrong(answer, right) {
  return right !== "" && answer !== right;
}

function answered(i, token, answer, right) {
  const item = make("li", {}, positionOf(i), tokenOf(token, "input"));
  item.dataset.position = i;
  if (answer === undefined) return item;
  item.append(tokenOf(answer, "answer"));
  if (isWrong(answer, right)) {
    item.dataset.wrong = "";
    item.append(tokenOf(right, "right"));
  }
  return item;
}

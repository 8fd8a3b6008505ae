// What pages can do without. Everything works when this does not run.
"use strict";

// A button that copies, beside whatever is there to be copied.
for (const box of document.querySelectorAll(".code")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.querySelector("pre").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  box.append(button);
}

// Times are in UTC; the reader's own clock is in the title.
for (const time of document.querySelectorAll("time[datetime]")) {
  const here = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  time.title = time.title ? time.title + "\n" + here : here;
}

// Asking for the API key.

import { takesKey } from "./api.js";
import { announce, fill, h } from "./elements.js";
import { key, setKey, whenKeyIsWanted } from "./session.js";

const dialog = document.getElementById("key-dialog");
const button = document.getElementById("key-button");

/** Have requests that want a key ask for one, and the button in the header log in and out. */
export function install(afterwards) {
  whenKeyIsWanted(askForKey);
  document.addEventListener("keychange", showState);
  button.addEventListener("click", async () => {
    if (key() !== null) {
      setKey(null);
      announce("Logged out.");
      afterwards();
    } else if (await askForKey("")) afterwards();
  });
  button.hidden = key() === null;
  showState();
}

function showState() {
  button.textContent = key() === null ? "Log in" : "Log out";
}

/** Show the dialog until there is a key that the service takes (true), or it is closed (false). */
function askForKey(reason) {
  // Not before it is known that this service wants one.
  button.hidden = false;
  const input = h("input", {
    id: "key-input",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "key-about key-error",
  });
  const error = h("p", { id: "key-error", class: "error", role: "alert" });
  const form = h(
    "form",
    { novalidate: true },
    h("h2", { id: "key-title" }, "Log in"),
    h("p", { id: "key-about" }, reason ? `${reason} ` : "", "The key is kept in this tab until it is closed."),
    h("label", { for: "key-input" }, "API key"),
    input,
    error,
    h(
      "div",
      { class: "actions" },
      h("button", { type: "submit", class: "primary" }, "Log in"),
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
    ),
  );
  fill(dialog, form);
  return new Promise((resolve) => {
    let accepted = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const given = input.value.trim();
      const wrong = await whatIsWrong(given);
      error.textContent = wrong;
      input.setAttribute("aria-invalid", String(wrong !== ""));
      if (wrong) {
        input.focus();
        return;
      }
      setKey(given);
      accepted = true;
      announce("Logged in.");
      dialog.close();
    });
    dialog.addEventListener("close", () => resolve(accepted), { once: true });
    dialog.showModal();
    input.focus();
  });
}

async function whatIsWrong(given) {
  if (!/^[!-~]+$/.test(given)) return "Give a key, such as `tacit keys create` shows: tacit_…";
  try {
    return (await takesKey(given)) ? "" : "This API key is not known, or was revoked.";
  } catch (error) {
    return error.message;
  }
}

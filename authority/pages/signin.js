// Passkeys, and forms that send themselves. Pages work without this file, but for
// passkeys.
"use strict";

// What went wrong, where browsers have words for engineers alone.
const words = {
  NotAllowedError: "No passkey was used: it was cancelled, took too long, or there is none here for this account.",
  InvalidStateError: "This device has a passkey of this account already.",
};

for (const form of document.querySelectorAll("form[data-send]")) form.submit();

if (window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.querySelector("button").addEventListener("click", async () => {
      const { publicKey } = JSON.parse(form.dataset.options);
      try {
        const made = form.dataset.passkey === "create"
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
        form.elements.credential.value = JSON.stringify(made.toJSON());
        form.submit();
      } catch (e) {
        let said = form.querySelector(".error");
        if (!said) {
          said = document.createElement("p");
          said.className = "error";
          said.setAttribute("role", "alert");
          form.append(said);
        }
        said.textContent = words[e.name] ?? "The passkey was not used: " + e.message;
      }
    });
  }
}

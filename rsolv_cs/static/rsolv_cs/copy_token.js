/* Copies a new token; where the browser does not allow that, it selects it. */
const secret = document.getElementById("new-token");
const button = document.getElementById("copy-token");
button.hidden = false;
button.addEventListener("click", async () => {
    try {
        await navigator.clipboard.writeText(secret.textContent);
        button.textContent = inWords("Copied");
    } catch {
        getSelection().selectAllChildren(secret);
        button.textContent = inWords("Selected: copy it now");
    }
});

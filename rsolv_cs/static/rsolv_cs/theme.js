/* The pages of errors are light or dark as the visitor has chosen for all others. */
try {
    document.documentElement.dataset.theme = JSON.parse(localStorage.getItem("adminTheme")) || "auto";
} catch {
    // The browser decides.
}

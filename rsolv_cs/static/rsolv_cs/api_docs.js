/* Shows the API's schema. What is tried out is asked with the visitor's session, so writing needs the form's token. */
const place = document.querySelector(".api-docs");
const root = document.documentElement;
const followTheme = () => root.classList.toggle("dark-mode", root.classList.contains("dark"));
followTheme();
new MutationObserver(followTheme).observe(root, { attributeFilter: ["class"] });
SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    // A link in each button would be read aloud as one control inside another.
    deepLinking: false,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    requestInterceptor(request) {
        const isOurs = new URL(request.url, location.href).origin === location.origin;
        if (isOurs && (request.method ?? "GET") !== "GET") {
            request.headers["X-CSRFToken"] = place.dataset.csrf;
        }
        return request;
    },
});

/* Shows the API's schema. What is tried out is asked with the visitor's own session, so writing needs the form's token. */
const place = document.querySelector(".api-docs");
const dark = () => document.documentElement.classList.toggle("dark-mode", document.documentElement.classList.contains("dark"));
dark();
new MutationObserver(dark).observe(document.documentElement, { attributeFilter: ["class"] });
SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    tryItOutEnabled: false,
    requestInterceptor(request) {
        if (new URL(request.url, location.href).origin === location.origin) {
            request.headers["X-CSRFToken"] = place.dataset.csrf;
        }
        return request;
    },
});

/* inWords("Updated {time}", { time }): what a script says, in the language of the page. In English that is the text itself;
   for another language the page brings what the catalogue has, see rsolv_cs/templatetags/script_texts.py. */
globalThis.inWords = (text, values = {}) => {
    const table = document.getElementById("script-texts");
    const known = table ? JSON.parse(table.textContent) : {};
    return (known[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
};

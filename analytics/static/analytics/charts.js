/* Draws each <figure class="graph"> from the JSON beside its canvas, in the theme's colours.
   Where Chart.js or the data lack, the figure's table opens instead. */
(() => {
    "use strict";

    const drawn = new Map();

    const marks = {
        id: "marks",
        afterDatasetsDraw(chart, _arguments, options) {
            const { ctx, chartArea, scales } = chart;
            for (const [row, mark] of (options.list || []).entries()) {
                const place = chart.data.labels.indexOf(mark.label);
                if (place < 0) continue;
                const x = scales.x.getPixelForValue(place);
                ctx.save();
                ctx.strokeStyle = ctx.fillStyle = options.color;
                ctx.setLineDash([4, 3]);
                ctx.beginPath();
                ctx.moveTo(x, chartArea.top);
                ctx.lineTo(x, chartArea.bottom);
                ctx.stroke();
                ctx.font = "11px Inter, sans-serif";
                const room = chartArea.right - x > ctx.measureText(mark.text).width + 8;
                ctx.textAlign = room ? "left" : "right";
                ctx.fillText(mark.text, room ? x + 4 : x - 4, chartArea.top + 10 + 13 * (row % 3));
                ctx.restore();
            }
        },
    };

    /* A click leads to where the label of the nearest point leads. A finger reads the figures by a touch: it has the
       links of the table. */
    const links = {
        id: "links",
        afterEvent(chart, { event, inChartArea }, options) {
            const [nearest] = inChartArea ? chart.getActiveElements() : [];
            const address = nearest && options.addresses[nearest.index];
            chart.canvas.style.cursor = address ? "pointer" : "";
            if (address && event.type === "click" && event.native?.pointerType !== "touch") window.location.assign(address);
        },
    };

    const isAlone = (values, place) => (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null;

    function configuration(figure, data) {
        const theme = getComputedStyle(figure);
        const colour = (name) => theme.getPropertyValue(`--${name}`).trim();
        const text = colour("muted");
        const area = data.kind === "area";
        const present = data.series.filter((series) => !series.former);
        const faint = (tone) => `color-mix(in srgb, ${colour(tone)} 55%, transparent)`;
        const datasets = data.series.map((series) => ({
            label: series.label,
            data: series.values,
            borderColor: series.former ? (area ? text : faint(series.tone)) : colour(series.tone),
            borderDash: series.former ? [3, 3] : [],
            order: series.former ? 0 : 1,
            backgroundColor: area ? faint(series.tone) : colour(series.tone),
            borderWidth: data.kind === "bar" ? 0 : series.former ? 1.25 : 2,
            fill: area && !series.former ? (data.stacked ? "stack" : "origin") : false,
            // No line leads to a value between two gaps.
            pointRadius: series.values.map((value, place) => isAlone(series.values, place) ? 3 : 0),
            pointHitRadius: 8,
            tension: 0,
            maxBarThickness: 18,
        }));
        return {
            type: data.kind === "bar" ? "bar" : "line",
            data: { labels: data.labels, datasets },
            plugins: [marks, links],
            options: {
                // Thousands as everywhere on our pages, whatever the browser's language.
                locale: "en-GB",
                animation: false,
                maintainAspectRatio: false,
                interaction: { mode: "index", intersect: false },
                scales: {
                    x: {
                        stacked: data.stacked,
                        grid: { display: false },
                        ticks: { color: text, maxTicksLimit: 8, maxRotation: 0 },
                    },
                    y: {
                        stacked: data.stacked,
                        beginAtZero: true,
                        grid: { color: colour("line") },
                        ticks: { color: text, precision: 0, maxTicksLimit: 5 },
                    },
                },
                plugins: {
                    legend: {
                        display: present.length > 1,
                        position: "bottom",
                        labels: {
                            color: colour("text"),
                            boxWidth: 12,
                            boxHeight: 12,
                            filter: (item) => item.datasetIndex < present.length,
                        },
                    },
                    marks: { list: data.marks, color: text },
                    links: { addresses: data.addresses },
                },
            },
        };
    }

    const paper = {
        id: "paper",
        beforeDraw({ ctx, width, height }) {
            ctx.fillStyle = "#fff";
            ctx.fillRect(0, 0, width, height);
        },
    };

    /* The chart as a picture for a slide: on white, with its title, whatever the theme. */
    function picture(figure, data) {
        const root = document.documentElement.classList;
        const isDark = root.contains("dark");
        root.remove("dark");
        const made = configuration(figure, data);
        if (isDark) root.add("dark");
        made.plugins.push(paper);
        Object.assign(made.options, { responsive: false, devicePixelRatio: 2 });
        made.options.plugins.title = { display: true, text: figure.getAttribute("aria-label"), color: "#111" };
        const canvas = Object.assign(document.createElement("canvas"), { width: 960, height: 420 });
        const chart = new window.Chart(canvas, made);
        const address = canvas.toDataURL("image/png");
        chart.destroy();
        return address;
    }

    function offerPicture(figure, data) {
        if (figure.querySelector(".save-picture")) return;
        const title = figure.getAttribute("aria-label");
        const button = Object.assign(document.createElement("button"), { type: "button", className: "save-picture" });
        button.textContent = inWords("Save as PNG");
        button.setAttribute("aria-label", inWords("Save as PNG: {title}", { title }));
        button.addEventListener("click", () => {
            const download = `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.png`;
            Object.assign(document.createElement("a"), { href: picture(figure, data), download }).click();
        });
        figure.append(button);
    }

    function draw(figure) {
        const canvas = figure.querySelector("canvas");
        const source = document.getElementById(canvas.dataset.source);
        drawn.get(canvas)?.destroy();
        drawn.delete(canvas);
        try {
            const data = JSON.parse(source.textContent);
            drawn.set(canvas, new window.Chart(canvas, configuration(figure, data)));
            offerPicture(figure, data);
            figure.classList.add("is-drawn");
        } catch {
            figure.classList.remove("is-drawn");
            figure.querySelector("details").open = true;
        }
    }

    function forgetGone() {
        for (const [canvas, chart] of drawn) {
            if (!canvas.isConnected) {
                chart.destroy();
                drawn.delete(canvas);
            }
        }
    }

    function drawAll() {
        forgetGone();
        document.querySelectorAll("figure.graph").forEach(draw);
    }

    /* After a swap: those that are not new stay as they are, without a flicker. */
    function drawNew() {
        forgetGone();
        const figures = [...document.querySelectorAll("figure.graph")];
        figures.filter((figure) => !drawn.has(figure.querySelector("canvas"))).forEach(draw);
    }

    document.addEventListener("DOMContentLoaded", () => {
        drawAll();
        new MutationObserver(() => printing || drawAll()).observe(document.documentElement, { attributeFilter: ["class"] });
    });
    document.addEventListener("htmx:afterSettle", drawNew);

    /* Paper is light and narrower than a screen: a canvas keeps its pixels, so it is drawn for paper first. */
    const PAPER_WIDTH = 620;
    let printing = false;
    let wasDark = false;
    const root = document.documentElement.classList;
    window.addEventListener("beforeprint", () => {
        printing = true;
        wasDark = root.contains("dark");
        root.remove("dark");
        drawAll();
        for (const chart of drawn.values()) chart.resize(PAPER_WIDTH, chart.height);
    });
    window.addEventListener("afterprint", () => {
        if (wasDark) root.add("dark");
        printing = false;
        drawAll();
    });
})();

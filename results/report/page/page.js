"use strict";
// Draws the page's figures, and again when the theme or the width changes.
(() => {
	const figures = JSON.parse(document.getElementById("figures").textContent);
	const draw = {distribution: drawDistribution, timeline: drawTimeline, stack: drawStack, curve: drawCurve, flame: drawFlame};
	const again = [];
	document.querySelectorAll("[data-figure]").forEach((element) => {
		const data = figures[element.dataset.figure];
		const kind = Object.keys(data)[0];
		again.push(draw[kind](element.querySelector(".drawing"), data[kind]));
	});
	const redraw = () => again.forEach((f) => f());
	const dark = matchMedia("(prefers-color-scheme: dark)");
	const root = document.documentElement;
	document.getElementById("theme").addEventListener("click", () => {
		const now = root.dataset.theme || (dark.matches ? "dark" : "light");
		root.dataset.theme = now === "dark" ? "light" : "dark";
		redraw();
	});
	dark.addEventListener("change", redraw);
	addEventListener("beforeprint", redraw);
	addEventListener("afterprint", redraw);
	let width = innerWidth, waiting;
	addEventListener("resize", () => {
		if (innerWidth === width) return;
		width = innerWidth;
		clearTimeout(waiting);
		waiting = setTimeout(redraw, 150);
	});
	root.dataset.drawn = again.length;
})();

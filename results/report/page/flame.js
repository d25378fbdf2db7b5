"use strict";
// drawFlame draws a flame graph with a choice of view, a search and a way back
// from a zoom; its frames can be reached and opened from the keyboard.
function drawFlame(element, f) {
	const amountOf = f.unit === "nanoseconds" ? duration : f.unit === "bytes" ? bytes : (v) => amount(v) + " samples";
	const make = (tag, more) => Object.assign(document.createElement(tag), more);
	const controls = make("div", {className: "controls"});
	const views = make("select", {ariaLabel: "which samples"});
	const search = make("input", {type: "search", placeholder: "find a function", ariaLabel: "find a function"});
	const reset = make("button", {type: "button", textContent: "whole graph"});
	const details = make("div", {className: "details"});
	details.setAttribute("aria-live", "polite");
	const box = make("div", {className: "flame"});
	f.views.forEach((v, i) => views.append(new Option(v.name + " – " + amountOf(v.root.v), i)));
	if (f.views.length > 1) controls.append(views);
	controls.append(search, reset);
	element.append(controls, box, details);

	const share = (d) => (100 * (d.x1 - d.x0)).toFixed(2) + " %";
	const words = (d) => {
		let s = d.data.n + ": " + amountOf(d.data.v) + ", " + (100 * d.data.v / root().v).toFixed(2) + " %";
		if (f.diff) s += ", " + ((d.data.d || 0) >= 0 ? "+" : "−") + (100 * Math.abs(d.data.d || 0) / root().v).toFixed(2) + " points";
		return s;
	};
	const root = () => f.views[views.value || 0].root;
	let graph;
	// The frames that are drawn change with each zoom; they are made reachable again.
	const open = () => box.querySelectorAll("g.frame").forEach((g) => {
		g.setAttribute("tabindex", "0");
		g.setAttribute("role", "button");
		const d = d3.select(g).datum();
		if (d) g.setAttribute("aria-label", words(d));
	});
	const draw = () => {
		box.replaceChildren();
		graph = flamegraph.default ? flamegraph.default() : flamegraph();
		graph.width(Math.max(box.clientWidth || 640, 320)).cellHeight(18).minFrameSize(0.6).transitionDuration(0)
			.sort(true).selfValue(false).inverted(true)
			.setLabelHandler((d) => words(d))
			.setSearchMatch((d, term) => !!term && d.data.n.toLowerCase().includes(term.toLowerCase()))
			.setSearchHandler((found, sum, total) => {
				details.textContent = search.value ? found.length + " frames, " + (100 * sum / total).toFixed(2) + " % of " + amountOf(total) : "";
			})
			.onHover((d) => { details.textContent = words(d); })
			.onClick((d) => { details.textContent = words(d) + " (whole width: " + share(d) + ")"; setTimeout(open); });
		graph.setColorMapper((d, original) => {
			if (d.highlight) return "#d94fd0";
			if (f.diff) return shadeOf(d);
			return original;
		});
		d3.select(box).datum(structuredClone(root())).call(graph);
		open();
		if (search.value) graph.search(search.value);
	};
	// More than before is red, less is blue, by points of the whole.
	const shadeOf = (d) => {
		const weight = Math.min(1, Math.abs(d.data.d || 0) / Math.max(1, d.data.v));
		const rest = Math.round(225 * (1 - weight));
		return (d.data.d || 0) > 0 ? `rgb(235,${rest},${rest})` : `rgb(${rest},${rest},235)`;
	};
	views.addEventListener("change", draw);
	search.addEventListener("input", () => {
		if (search.value) graph.search(search.value);
		else { graph.clear(); details.textContent = ""; }
		setTimeout(open);
	});
	reset.addEventListener("click", () => { graph.resetZoom(); details.textContent = ""; setTimeout(open); });
	box.addEventListener("keydown", (e) => {
		const g = e.target.closest("g.frame");
		if (!g || e.key !== "Enter" && e.key !== " ") return;
		e.preventDefault();
		g.dispatchEvent(new MouseEvent("click", {bubbles: true}));
	});
	draw();
	return draw;
}

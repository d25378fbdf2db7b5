"use strict";
// Charts of a page: functions from a figure's data and an element to a drawing.
// Each returns a function that draws it again, for another theme or width.
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// duration says ns in the unit that a reader expects.
function duration(ns) {
	if (ns == null) return "–";
	for (const [size, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]])
		if (ns >= size) return +(ns / size).toPrecision(3) + " " + unit;
	return +(+ns).toPrecision(3) + " ns";
}

function amount(n) {
	if (n == null) return "–";
	for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
		if (Math.abs(n) >= size) return +(n / size).toPrecision(3) + unit;
	return String(+(+n).toPrecision(3));
}

function bytes(n) {
	if (n == null) return "–";
	for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]])
		if (Math.abs(n) >= size) return +(n / size).toPrecision(4) + " " + unit;
	return n + " B";
}

function axis(more) {
	return Object.assign({stroke: ink("faint"), grid: {stroke: ink("rule"), width: 1}, ticks: {stroke: ink("rule")},
		font: "12px system-ui, sans-serif"}, more);
}

function line(label, color, more) {
	return Object.assign({label, stroke: ink(color), width: 1.5, points: {show: false}}, more);
}

// plotted draws with uPlot; make gives options and data for the present theme.
function plotted(element, height, make) {
	let plot;
	const draw = () => {
		if (plot) plot.destroy();
		const {options, data} = make();
		plot = new uPlot(Object.assign({width: element.clientWidth || 640, height}, options), data, element);
	};
	draw();
	return draw;
}

// A percentile's place: each further nine has the same room.
const place = (q) => -Math.log10(1 - q);
const percentile = (x) => 100 * (1 - 10 ** -x);

function drawDistribution(element, d) {
	const xs = [...new Set(d.series.flatMap((s) => s.q.map(place)))].sort((a, b) => a - b);
	// The value at a percentile between two points of a line is that of the upper one.
	const columns = d.series.map((s) => {
		let i = 0;
		const at = s.q.map(place);
		return xs.map((x) => {
			while (i < at.length && at[i] < x) i++;
			return i < at.length ? s.v[i] : null;
		});
	});
	const marks = [0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999].map(place).filter((x) => x <= xs[xs.length - 1] + 0.01);
	return plotted(element, 320, () => ({
		options: {
			scales: {x: {time: false}, y: {distr: 3}},
			axes: [
				axis({splits: () => marks, values: (plot, xs) => {
					// A label that would run into the one before it is left out.
					const room = (plot.width - 90) / (marks[marks.length - 1] || 1);
					let last = -Infinity;
					return xs.map((x) => {
						if ((x - last) * room < 44) return "";
						last = x;
						return +percentile(x).toPrecision(7) + " %";
					});
				}}),
				axis({size: 70, values: (_, vs) => vs.map((v) => v && /^[125]/.test(v.toExponential()) ? duration(v) : "")}),
			],
			series: [{label: "percentile", value: (_, x) => x == null ? "–" : percentile(x).toPrecision(6) + " %"},
				...d.series.map((s) => line(s.name, s.name.startsWith("probed") ? "probed" : "bare",
					{value: (_, v) => duration(v), dash: s.name.startsWith("probed") ? [5, 4] : []}))],
		},
		data: [xs, ...columns],
	}));
}

// shade marks the stretches in which probes were attached.
function shade(moments) {
	return (u) => {
		u.ctx.save();
		u.ctx.fillStyle = ink("band");
		for (const m of moments) {
			if (m.mode !== "probed") continue;
			const from = Math.max(u.valToPos(m.start, "x", true), u.bbox.left);
			const to = Math.min(u.valToPos(m.start + m.seconds, "x", true), u.bbox.left + u.bbox.width);
			if (to > from) u.ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
		}
		u.ctx.restore();
	};
}

// parted puts a gap where a slice ends, so that no line crosses it.
function parted(moments, value) {
	const xs = [], ys = [];
	moments.forEach((m, i) => {
		if (i && m.start - (moments[i - 1].start + moments[i - 1].seconds) > 0.002 || i && m.mode !== moments[i - 1].mode) {
			xs.push(m.start);
			ys.push(null);
		}
		xs.push(m.start + m.seconds / 2);
		ys.push(value(m));
	});
	return [xs, ys];
}

function drawTimeline(element, t) {
	const seconds = () => axis({values: (_, vs) => vs.map((v) => +v.toFixed(3) + " s")});
	const time = {label: "time", value: (_, x) => x == null ? "–" : x.toFixed(2) + " s"};
	const last = t.slices[t.slices.length - 1];
	const x = {time: false, range: [0, last.start + last.seconds]};
	const rate = document.createElement("div"), times = document.createElement("div");
	element.append(rate, times);
	const dots = {points: {show: true, size: 5}};
	// Slices may be too short for a percentile; none of them having a p99, it is no line.
	const quantiles = [["p50", "bare"], ["p99", "third"]].filter(([name]) => name === "p50" || t.slices.some((m) => m[name] != null));
	const draws = [
		plotted(rate, 200, () => ({
			options: {
				hooks: {drawClear: [shade(t.slices)]}, scales: {x, y: {range: (_, lo, hi) => [0, hi * 1.08 || 1]}},
				axes: [seconds(), axis({size: 70, values: (_, vs) => vs.map((v) => amount(v))})],
				series: [time, line("answers/s", "bare", {value: (_, v) => v == null ? "–" : Math.round(v).toLocaleString("en")})],
			},
			data: parted(t.moments, (m) => m.rate),
		})),
		plotted(times, 220, () => ({
			options: {
				hooks: {drawClear: [shade(t.slices)]}, scales: {x, y: {distr: 3}},
				axes: [seconds(), axis({size: 70, values: (_, vs) => vs.map((v) => v && /^[125]/.test(v.toExponential()) ? duration(v) : "")})],
				series: [time, ...quantiles.map(([name, color]) => line(name, color, {value: (_, v) => duration(v), ...dots}))],
			},
			data: [t.slices.map((m) => m.start + m.seconds / 2), ...quantiles.map(([name]) => t.slices.map((m) => m[name]))],
		})),
	];
	return () => draws.forEach((draw) => draw());
}

function drawCurve(element, c) {
	const colors = ["bare", "probed", "third", "good", "bad"];
	return plotted(element, 220, () => ({
		options: {
			scales: {x: {time: false}, y: {range: (_, lo, hi) => [0, hi * 1.08 || 1]}},
			axes: [axis({values: (_, vs) => vs.map((v) => +v.toFixed(3) + " s")}), axis({size: 80, values: (_, vs) => vs.map(bytes)})],
			series: [{label: "time", value: (_, x) => x == null ? "–" : x.toFixed(2) + " s"},
				...c.lines.map((l, i) => line(l.name, colors[i % colors.length], {value: (_, v) => bytes(v), spanGaps: true}))],
		},
		data: [c.t, ...c.lines.map((l) => l.values)],
	}));
}

// drawStack needs no canvas: bars are boxes, and their words can be read aloud.
function drawStack(element, s) {
	const say = s.unit === "ns" ? duration : (v) => v.toFixed(1) + " %";
	const color = (i) => "var(--part" + i % 8 + ")";
	const sums = s.bars.map((b) => b.values.reduce((a, v) => a + v, 0));
	const most = Math.max(...sums);
	s.bars.forEach((b, k) => {
		const row = document.createElement("div"), bar = document.createElement("div");
		row.className = "stackrow";
		bar.className = "stackbar";
		bar.style.width = 100 * sums[k] / most + "%";
		b.values.forEach((v, i) => {
			if (v <= 0) return;
			const part = document.createElement("span");
			const share = v / sums[k];
			part.style.flex = v + " 1 0";
			part.style.background = color(i);
			part.title = s.parts[i] + ": " + say(v) + " (" + (100 * share).toFixed(1) + " %)";
			if (share * sums[k] / most > 0.08) part.textContent = say(v);
			bar.append(part);
		});
		const name = document.createElement("span"), sum = document.createElement("span");
		name.className = "name";
		name.textContent = b.name;
		sum.className = "sum";
		sum.textContent = s.unit === "ns" ? say(sums[k]) : "";
		row.append(name, bar, sum);
		element.append(row);
	});
	const keys = document.createElement("div");
	keys.className = "keys";
	s.parts.forEach((p, i) => {
		if (!s.bars.some((b) => b.values[i] > 0)) return;
		const key = document.createElement("span"), box = document.createElement("i");
		box.style.background = color(i);
		key.append(box, p);
		keys.append(key);
	});
	element.append(keys);
	return () => {};
}

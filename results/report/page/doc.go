// SPDX-License-Identifier: Apache-2.0

// Package page writes report.html: a report as one file that needs no network,
// opened from disk.
//
// It knows how a page looks and how its charts are drawn, and nothing of a
// measurement: package report says which sections there are and what they say,
// this one lays them out and draws, beside them,
//
//	distributions   the latency by percentile (Distribution)
//	timelines       throughput and response time over the run (Timeline)
//	stacks          the legs of a request, the causes of a tail (Stack)
//	curves          memory over the run (Curve)
//	flames          call paths of a pprof profile, by label, or of two
//	                profiles and what changed between them (Flame)
//
// All that a page shows stands in it as text or as data; its scripts are known by
// their hashes to the page's own Content-Security-Policy, which lets nothing else
// run and nothing be fetched. Names come from binaries that nobody vouches for:
// they are escaped by html/template and encoding/json, and the scripts only ever
// set them as text.
//
// The charts are uPlot's and d3-flame-graph's. library/ holds those files as their
// packages have them, with their licences; library.json names the versions.
package page

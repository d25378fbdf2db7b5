// SPDX-License-Identifier: Apache-2.0

// Package limit holds a result against what its user will bear: p99<10ms,
// throughput>5000, rss<50MB, cpu<30%, leak=none.
//
// A Rule is parsed before anything is measured, so that nonsense is refused at
// once, and judged on the finished result. A figure that the result doesn't hold
// (a percentile of too few requests, a leak that can't be told from noise) makes
// the limit inconclusive: neither met nor missed. Nothing here measures.
package limit

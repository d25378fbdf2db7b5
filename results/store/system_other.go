// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package store

import "io/fs"

const nonblock = 0

func tooLong(error) bool { return false }

func trustedLink(fs.FileInfo) bool { return false }

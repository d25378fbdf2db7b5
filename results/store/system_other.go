// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package store

const nonblock = 0

func tooLong(error) bool { return false }

func notFolder(error) bool { return false }

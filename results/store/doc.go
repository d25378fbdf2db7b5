// SPDX-License-Identifier: Apache-2.0

// Package store writes a run's folder, whole or not at all, and reads stored
// runs.
//
// A run is measured as root and belongs to the user who called sudo, in a
// folder that others may be able to write to. So nothing here trusts a path
// twice: the parent folder is opened once, and everything below it is reached
// through that descriptor (os.Root); files are made new (O_EXCL) and never
// through a link.
//
//	Create   makes a temporary folder beside the target; everything that can
//	         be wrong with the target's place fails here, before the measurement
//	Write    adds one file to it
//	Commit   gives the folder to the user and renames it into place
//	Abort    removes it again
//
// A folder of ours holds a list of its files (the file named Manifest). Only
// what it lists is ever removed when a run replaces another one.
package store

// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package store

import (
	"errors"
	"os"
)

func renameFree(*os.Root, string, string) error { return errors.ErrUnsupported }

func renameExchange(*os.Root, string, string) error { return errors.ErrUnsupported }

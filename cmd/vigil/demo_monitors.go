package main

import "context"

func runMonitors(ctx context.Context, mqtt string, monitors []monitor, seed uint64) error {
	<-ctx.Done()
	return nil
}

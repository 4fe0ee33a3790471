"""From play to batches: policies, rollouts, the store on disk, latents."""

"""Quality of keepgate's defaults: a panel of sets for each job, with peers beside."""

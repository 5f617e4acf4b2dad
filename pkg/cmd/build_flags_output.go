package cmd

import "github.com/spf13/pflag"

func (o *buildOptions) registerOutput(flags *pflag.FlagSet) {
	flags.VarP((*list)(&o.Tags), "tag", "t", "Name of the image, NAME[:TAG] (repeatable)")
	flags.Var((*list)(&o.Labels), "label", "Label of the image, KEY=VALUE (repeatable)")
	flags.Var((*list)(&o.Annotations), "annotation", "Annotation of the image, [TYPE[PLATFORM]:]KEY=VALUE, e.g. index:a.b=c (repeatable)")
	flags.BoolVar(&o.Push, "push", false, "Push the image to the registries of its tags")
	flags.BoolVar(&o.Load, "load", false, "Load the image into the docker engine of this machine")
	flags.VarP((*list)(&o.Outputs), "output", "o", "Where the result goes, e.g. ./dir or type=oci,dest=image.tar (repeatable)")
	flags.StringVar(&o.MetadataFile, "metadata-file", "", "Write what was built to this file, as JSON")
	flags.StringVar(&o.ImageIDFile, "iidfile", "", "Write the image's ID to this file")
	flags.StringVar(&o.Report, "report", "", "Write a picture of the build to this file, one page of HTML, also if the build fails")
	flags.StringVar(&o.progress, "progress", "", "How to show progress: auto, tty, plain, rawjson or quiet (default auto)")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Show no progress: print the answer alone")
	flags.BoolVarP(&o.debug, "debug", "D", false, "Show where in BuildKit an error came from")
}

func (o *buildOptions) registerAttestations(flags *pflag.FlagSet) {
	flags.Var((*list)(&o.Attest), "attest", "Statement about the image, e.g. type=sbom or type=provenance,mode=max (repeatable)")
	flags.StringVar(&o.Provenance, "provenance", "", "How the image was made: true, false or e.g. mode=max")
	flags.StringVar(&o.SBOM, "sbom", "", "What the image consists of: true, false or generator=IMAGE")
}

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// CompletionCmd prints what a shell needs to complete the command line.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown behind the flags.
func (CompletionCmd) Help() string {
	return `The shell asks this program what can stand at the cursor; so commands, flags and their values are always those of the
version that is installed.

  source <(sextant completion bash)                                      # in ~/.bashrc
  source <(sextant completion zsh)                                       # in ~/.zshrc, behind compinit
  sextant completion fish > ~/.config/fish/completions/sextant.fish`
}

var completionScripts = map[string]string{
	"bash": `_sextant() {
    local IFS=$'\n'
    COMPREPLY=($(sextant complete-words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _sextant sextant
`,
	"zsh": `#compdef sextant
_sextant() {
    local -a lines found
    local line
    lines=("${(@f)$(sextant complete-words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    for line in $lines; do
        found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( ${#found} )); then
        _describe -V sextant found
    else
        _files
    fi
}
compdef _sextant sextant
`,
	"fish": `complete -c sextant -a '(sextant complete-words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

// Run it.
func (c *CompletionCmd) Run(a *app) error {
	_, err := io.WriteString(a.out, completionScripts[c.Shell])
	return err
}

// WordsCmd answers a shell that asks what can stand at the cursor.
type WordsCmd struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words of the command line up to the cursor, the last one being written."`
}

// Run it: a line for each candidate, its description behind a tab.
func (c *WordsCmd) Run(a *app, k *kong.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, x := range candidates(k.Model.Node, words) {
		if _, err := fmt.Fprintf(a.out, "%s\t%s\n", x.word, x.doc); err != nil {
			return err
		}
	}
	return nil
}

type candidate struct{ word, doc string }

// candidates for the last of some words. There are none where a file or a text of the
// user's own is to be written: the shell then proposes files.
func candidates(root *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	node := root
	places := 0 // positional arguments that are given
	var value *kong.Flag
	done := words[:len(words)-1]
	for i := 0; i < len(done); i++ {
		w := done[i]
		switch {
		case w == "=": // bash takes --output=json apart
		case value != nil:
			value = nil
		case strings.HasPrefix(w, "-") && len(w) > 1:
			name, _, given := strings.Cut(w, "=")
			if f := flagNamed(node, name); f != nil && !given && !f.IsBool() {
				value = f
			}
		default:
			if next := childNamed(node, w); next != nil {
				node, places = next, 0
			} else {
				places++
			}
		}
	}
	word := words[len(words)-1]
	if word == "=" {
		word = ""
	}
	var out []candidate
	add := func(w, doc string) {
		if w != "" && strings.HasPrefix(w, word) {
			doc, _, _ = strings.Cut(doc, "\n")
			out = append(out, candidate{w, doc})
		}
	}
	if value != nil {
		for _, v := range value.EnumSlice() {
			add(v, "")
		}
		return out
	}
	if strings.HasPrefix(word, "-") {
		if name, _, ok := strings.Cut(word, "="); ok {
			if f := flagNamed(node, name); f != nil {
				for _, v := range f.EnumSlice() {
					add(name+"="+v, "")
				}
			}
			return out
		}
		for n := node; n != nil; n = n.Parent {
			for _, f := range n.Flags {
				if !f.Hidden {
					add("--"+f.Name, f.Help)
				}
			}
		}
		return out
	}
	for _, n := range node.Children {
		if !n.Hidden {
			add(n.Name, n.Help)
		}
	}
	if places < len(node.Positional) {
		for _, v := range node.Positional[places].EnumSlice() {
			add(v, "")
		}
	}
	return out
}

// flagNamed finds --name or -n in a command and those around it.
func flagNamed(n *kong.Node, name string) *kong.Flag {
	for ; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			if name == "--"+f.Name || f.Short != 0 && name == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}

func childNamed(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

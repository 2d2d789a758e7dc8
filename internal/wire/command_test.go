package wire

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACommandRepeatsACall(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"as it was given", []string{"run", "scenarios/a.yaml", "--seed", "7"}, "gameday run scenarios/a.yaml --seed 7"},
		{"with what a shell would take apart", []string{"run", "my game day.yaml", "--set", "title=it's $HOME"}, `gameday run 'my game day.yaml' --set 'title=it'\''s $HOME'`},
		{"with an empty word", []string{"run", ""}, "gameday run ''"},
		{"without the value of a secret", []string{"run", "a.yaml", "--set", "dbPassword=hunter2,delay=1s"}, "gameday run a.yaml --set dbPassword=xxxxx,delay=1s"},
		{"whichever way it was given", []string{"run", "--set=api_key=k1"}, "gameday run --set=api_key=xxxxx"},
		{"a comma in it included", []string{"run", "--set", `"token=a,b",x=1`}, "gameday run --set token=xxxxx,x=1"},
		{"or what cannot be read", []string{"run", "--set", `"token=a`}, "gameday run --set xxxxx"},
		{"without who is in a URL", []string{"run", "--set", "url=http://ada:sesame@h:1/p"}, "gameday run --set url=http://xxxxx@h:1/p"},
		{"wherever that stands", []string{"replay", "a.gdtape", "--to", "http://ada:sesame@h:1"}, "gameday replay a.gdtape --to http://xxxxx@h:1"},
	} {
		t.Run(row.name, func(t *testing.T) { require.Equal(t, row.want, Command("gameday", row.args)) })
	}
}

func TestAShellReadsWhatWasQuoted(t *testing.T) {
	for _, word := range []string{"plain", "two words", "it's", `"`, `\`, "$(id)", "a\nb", "*", "~", "-x", "#", "日本"} {
		out, err := exec.Command("sh", "-c", "printf %s "+Quote(word)).Output()
		require.NoError(t, err)
		require.Equal(t, word, string(out))
	}
}

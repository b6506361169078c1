<extend>page
<?title?>{name}
<?body?>
<?if is_running?>
<?if address?>
<p role="status"><?if again?>{name} is running already, so it was not started once more.<?else?>{name} is running.<?end?></p>
<p>It has a window of its own. If you do not see it: <a href="{address}" target="_blank">go to {name}</a>.</p>
<?else?>
<p role="status">{name} is starting …</p>
<?end?>
<?else?>
<p role="alert">{name} has ended<?if code?> with code {code}<?end?>. This is what it printed:</p>
<pre>{output}</pre>
<form method="post" action="/start/{name}" class="buttons"><button>Start it again</button></form>
<?end?>
<p><a href="/source/{name}">Read the source</a> · <a href="/">All examples</a></p>
</extend>

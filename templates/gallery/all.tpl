<extend>page
<?title?>The examples
<?body?>
<p>Each of these is one Python file, to be read from top to bottom. Start one, read how it is made, change it.</p>
<?for example in examples?>
<article>
<h2>{example.name}</h2>
<p>{example.about}</p>
<form method="post" action="/start/{example.name}" class="buttons">
<?if example.is_running?><a href="/state/{example.name}">It is running</a><?else?><button>Start {example.name}</button><?end?>
<a href="/source/{example.name}">Read the source</a>
</form>
</article>
<?end?>
</extend>

<extend>page
<?title?>{name}.py
<?body?>
<p>{about}</p>
<form method="post" action="/start/{name}" class="buttons">
<button>Start {name}</button>
<a href="/">All examples</a>
</form>
<pre><code><?for line in lines?><small>{line.0}</small>	{line.1}
<?end?></code></pre>
</extend>

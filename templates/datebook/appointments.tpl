<div class="bar">
<form role="search" action="/appointment/">
<label for="start">From</label>
<input type="date" id="start" name="start" value="{start}">
<button type="submit" class="secondary">Show</button>
<a href="{earlier}">A week earlier</a>
</form>
<a href="/appointment/new">New appointment</a>
</div>
<?if pages.total?><p>{pages.first:num} to {pages.last:num} of {pages.total:num}</p><?end?>
{table}
<?include pages?>

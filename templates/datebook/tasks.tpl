<div class="bar">
<p><?if pages.total?>{pages.first:num} to {pages.last:num} of {pages.total:num}<?end?></p>
<a href="{other}"><?if everything?>Only what is to do<?else?>What is done as well<?end?></a>
<a href="/task/new">New task</a>
</div>
{table}
<?include pages?>
